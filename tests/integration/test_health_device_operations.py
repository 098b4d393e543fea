"""Devices that fall silent and come back, and calibrations that lapse, against plain Python."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from operation_rows import AS_OF, DAY, HOUR, SECOND, Rows, device_rows
from operation_runs import AUDIT, ON_MYSQL, check_run, everything, explained, fill, meanwhile, run
from rows import Row, change, make_tables, rows, table

from orchestration import database
from orchestration.operations.health_devices import Device
from orchestration.settings import Settings

NAME = "check_device_status"
DEVICES, ALERTS = "health_devices", "health_alerts"
TABLES = (DEVICES, ALERTS)
MUTABLE = ("open", "acknowledged", "suppressed")


@pytest.fixture(scope="module")
def settings(module_engine_settings: Settings) -> Settings:
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("core", "health"))
    make_tables(settings, [*TABLES, AUDIT])
    return settings


def device(key: str, seen: datetime | None, **more: Any) -> Row:
    """Active, with a patient, calibrated lately."""
    return {"id": key, "tenant_id": "t1", "device_name": key, "device_code": key,
            "serial_number": key, "status": "active", "last_online_at": seen,
            "assigned_patient_id": "p1", "created_at": AS_OF - 99 * DAY,
            "last_calibration_at": AS_OF - 9 * DAY,
            "calibration_interval_days": 30} | more  # fmt: skip


def alert(key: str, device_id: str, status: str = "open", **more: Any) -> Row:
    return {"id": key, "tenant_id": "t1", "patient_id": "p1", "device_id": device_id,
            "alert_type": "device_offline", "status": status, "trigger_source": "scheduled",
            "triggered_at": AS_OF - 9 * DAY} | more  # fmt: skip


def lapse(key: str, device_id: str, status: str = "open", **more: Any) -> Row:
    return alert(key, device_id, status, alert_type="custom",
                 alert_data={"kind": "calibration_due"}) | more  # fmt: skip


def statuses(settings: Settings, name: str) -> dict[str, str]:
    return {row["id"]: row["status"] for row in rows(settings, name)}


def kind(row: Row) -> str | None:
    data = row["alert_data"]
    if row["alert_type"] == "device_offline":
        return "device_offline"
    lapsed = row["alert_type"] == "custom" and data == {"kind": "calibration_due"}
    return "calibration_due" if lapsed or "since" in (data or ()) else None


def expected_at(as_of: datetime) -> Callable[[Rows], tuple[Rows, Mapping[str, int]]]:
    def wanted(before: Rows) -> tuple[Rows, Mapping[str, int]]:
        counts: Counter[str] = Counter()
        alerts = before[ALERTS]
        known: dict[tuple[str, str | None], list[Row]] = {}
        for row in alerts:
            known.setdefault((row["device_id"], kind(row)), []).append(row)
        for each in before[DEVICES]:
            tenant, status = each["tenant_id"], each["status"]
            silence = known.get((each["id"], "device_offline"), [])
            seen = each["last_online_at"] or each["created_at"]
            if status == "active" and seen and (as_of - seen).total_seconds() >= 3600:
                each |= {"status": "offline", "updated_at": as_of}
                counts[tenant] += 1
                alerts = alerts + news(each, "device_offline", silence, as_of, 0)
            elif status == "active":
                counts[tenant] += close(silence, as_of)
            lapses = known.get((each["id"], "calibration_due"), [])
            days, last = each["calibration_interval_days"], each["last_calibration_at"]
            if status == "inactive":
                continue
            if last is None or last + timedelta(days=365 if days is None else days) < as_of:
                raised = news(each, "calibration_due", lapses, as_of, 86_400)
                alerts = alerts + raised
                counts[tenant] += len(raised)
            else:
                counts[tenant] += close(lapses, as_of)
        return {DEVICES: before[DEVICES], ALERTS: alerts}, counts

    return wanted


def news(each: Row, what: str, known: list[Row], as_of: datetime, quiet: int) -> list[Row]:
    if not each["assigned_patient_id"]:
        return []
    if any(row["status"] in (*MUTABLE, "in_progress") for row in known):
        return []
    if any((as_of - row["triggered_at"]).total_seconds() < quiet for row in known):
        return []
    return [{
        "device_id": each["id"], "tenant_id": each["tenant_id"], "status": "open",
        "patient_id": each["assigned_patient_id"], "trigger_source": "scheduled",
        "alert_type": "custom" if what == "calibration_due" else what, "alert_level": "warning",
        "alert_data": {"kind": what}, "triggered_at": as_of, "created_at": as_of,
        "updated_at": as_of, "resolved_at": None,
    }]  # fmt: skip


def close(known: list[Row], as_of: datetime) -> int:
    ended = [r for r in known if r["status"] in MUTABLE and r["trigger_source"] != "manual"]
    for row in ended:
        row |= {"status": "resolved", "resolved_at": as_of, "updated_at": as_of}
    return len(ended)


def seen(found: Rows) -> Any:
    """Alerts without the ids and words of new ones."""
    names = ("device_id", "tenant_id", "status", "patient_id", "trigger_source", "alert_type",
             "alert_level", "triggered_at", "created_at", "updated_at", "resolved_at")  # fmt: skip
    if ALERTS not in found:
        return found
    return sorted((*(str(row[name]) for name in names), str(kind(row))) for row in found[ALERTS])


def test_devices_and_staff_tick_by_tick(settings: Settings) -> None:
    """Between ticks devices are heard, calibrated and moved, and staff work on alerts."""
    rng = random.Random(3)
    fill(settings, device_rows(rng, 120))
    devices, alerts = table(settings, DEVICES), table(settings, ALERTS)
    as_of, totals = AS_OF, Counter()
    for _ in range(5):
        report = check_run(settings, NAME, TABLES, expected_at(as_of), as_of, seen, 9)
        totals.update(report.changed_by_tenant)
        as_of += rng.choice((HOUR, DAY, 31 * DAY))
        found = everything(settings, TABLES)
        with database.begin(settings) as connection:
            for key in rng.sample([row["id"] for row in found[DEVICES]], 30):
                values = rng.choice((
                    {"status": "active", "last_online_at": as_of - HOUR},
                    {"status": "active", "last_online_at": as_of - HOUR + SECOND},
                    {"status": "active", "last_online_at": as_of},
                    {"last_calibration_at": as_of - SECOND}, {"assigned_patient_id": "p7"},
                    {"assigned_patient_id": None}, {"status": "inactive"},
                ))  # fmt: skip
                connection.execute(devices.update().where(devices.c.id == key).values(values))
            for key in rng.sample([row["id"] for row in found[ALERTS]], 20):
                status = rng.choice((*MUTABLE, "in_progress", "resolved", "false_positive"))
                this = alerts.update().where(alerts.c.id == key)
                connection.execute(this.values(status=status))
    assert min(totals.values()) > 50


def test_all_states_at_once(settings: Settings) -> None:
    fill(settings, device_rows(random.Random(4), 400))
    check_run(settings, NAME, TABLES, expected_at(AS_OF), seen=seen, batch_rows=50)


@pytest.mark.parametrize(
    ("status", "last", "created", "silent"),
    [
        ("active", AS_OF - HOUR, AS_OF, True),
        ("active", AS_OF - HOUR + SECOND, AS_OF - DAY, False),
        ("active", None, AS_OF - HOUR, True),
        ("active", None, AS_OF - HOUR + SECOND, False),
        ("active", None, None, False),
        ("offline", AS_OF - DAY, AS_OF - DAY, None),
        ("maintenance", AS_OF, AS_OF - DAY, None),
    ],
)
def test_both_sides_of_the_hour(
    status: str, last: datetime | None, created: datetime | None, silent: bool | None
) -> None:
    assert Device("d", "t", "D", status, None, last, created, AS_OF, 1).is_silent(AS_OF) is silent


def test_calibration_lapses_after_its_last_second() -> None:
    for days in (1, 30, 365):
        for late in (-SECOND, 0 * SECOND, SECOND):
            last = AS_OF - days * DAY - late
            this = Device("d", "t", "D", "active", None, AS_OF, AS_OF, last, days)
            assert this.is_uncalibrated(AS_OF) is (late == SECOND)
    assert Device("d", "t", "D", "active", None, AS_OF, AS_OF, None, 9).is_uncalibrated(AS_OF)


def test_what_an_alert_says(settings: Settings) -> None:
    fill(settings, {ALERTS: [], DEVICES: [
        device("silent", AS_OF - 2 * HOUR), device("unseen", None),
        device("shelf", None, assigned_patient_id=None, last_calibration_at=None),
        device("lapsed", AS_OF, last_calibration_at=AS_OF - 31 * DAY),
        device("never", AS_OF, last_calibration_at=None),
        device("both", None, last_calibration_at=None),
    ]})  # fmt: skip
    report = run(settings, NAME)
    assert report.changed_by_tenant == {"t1": 4 + 3}
    assert report.notes == ("taken offline: 4", "calibrations asked for: 3", "alerts resolved: 0")
    assert {key for key, status in statuses(settings, DEVICES).items() if status == "offline"} == {
        "silent", "unseen", "shelf", "both"}  # fmt: skip
    words = ("alert_type", "alert_data", "alert_title", "alert_message", "urgency_level")
    told = sorted((row["device_id"], *(row[w] for w in words)) for row in rows(settings, ALERTS))
    offline, custom = ("device_offline", "custom")
    lost, due = ("设备离线", "设备校准过期")

    def since(name: str, at: datetime | None) -> Row:
        return {"kind": name, "since": at and str(at)}

    ago, lapsed = AS_OF - 2 * HOUR, AS_OF - DAY
    never = "calibration due now, there was none yet."
    assert told == [
        ("both", custom, since("calibration_due", None), due, f"both: {never}", "scheduled"),
        ("both", offline, since(offline, None), lost, "both: last seen never.", "routine"),
        ("lapsed", custom, since("calibration_due", lapsed), due,
         f"lapsed: calibration due {lapsed}.", "scheduled"),
        ("never", custom, since("calibration_due", None), due, f"never: {never}", "scheduled"),
        ("silent", offline, since(offline, ago), lost, f"silent: last seen {ago}.", "routine"),
        ("unseen", offline, since(offline, None), lost, "unseen: last seen never.", "routine"),
    ]  # fmt: skip


def test_a_closed_calibration_alert_returns_after_a_day_and_a_muted_one_never(
    settings: Settings,
) -> None:
    old = {"last_calibration_at": None}
    fill(settings, {DEVICES: [device("closed", None, status="error", **old),
                              device("muted", None, status="error", **old)],
                    ALERTS: [lapse("c", "closed", "resolved", triggered_at=AS_OF - DAY + SECOND),
                             lapse("m", "muted", "suppressed")]})  # fmt: skip
    assert run(settings, NAME).changed == 0
    assert run(settings, NAME, AS_OF + SECOND).changed == 1
    change(settings, DEVICES, last_calibration_at=AS_OF)
    assert run(settings, NAME, AS_OF + HOUR).changed == 2
    assert set(statuses(settings, ALERTS).values()) == {"resolved"}


def test_what_the_application_writes_meanwhile_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device is heard, repaired, calibrated or given back after the look."""
    ago = AS_OF - 2 * HOUR
    keys = ("stays", "heard", "repaired", "calibrated", "given-back")
    fill(settings, {DEVICES: [
        *(device(key, ago) for key in keys[:3]),
        *(device(key, AS_OF, last_calibration_at=None) for key in keys[3:]),
        device("back", AS_OF),
    ], ALERTS: [alert("taken-on", "back"), alert("open", "back")]})  # fmt: skip
    d, a = table(settings, DEVICES).c, table(settings, ALERTS).c

    def application() -> None:
        change(settings, DEVICES, d.id == "heard", last_online_at=AS_OF)
        change(settings, DEVICES, d.id == "repaired", status="maintenance")
        change(settings, DEVICES, d.id == "calibrated", last_calibration_at=AS_OF)
        change(settings, DEVICES, d.id == "given-back", assigned_patient_id=None)
        change(settings, ALERTS, a.id == "taken-on", status="in_progress")

    assert run(settings, NAME, dry_run=True).changed == 3 + 2 + 2
    with meanwhile(monkeypatch, application):
        assert run(settings, NAME).changed == 2
    found = statuses(settings, DEVICES)
    assert [found[key] for key in keys[:3]] == ["offline", "active", "maintenance"]
    alerts = everything(settings, [ALERTS])[ALERTS]
    assert sorted((row["device_id"], row["status"]) for row in alerts) == [
        ("back", "in_progress"), ("back", "resolved"), ("stays", "open")]  # fmt: skip


@ON_MYSQL
def test_a_tick_reads_no_alerts_that_were_closed_long_ago(settings: Settings) -> None:
    old = AS_OF - 300 * DAY
    fill(settings, {DEVICES: [device(f"{n:03}", AS_OF) for n in range(50)], ALERTS: [
        alert(f"{n:05}", f"{n % 50:03}", "resolved" if n % 500 else "open",
              alert_type="custom" if n % 3 else "device_offline",
              triggered_at=old + n * timedelta(hours=1))
        for n in range(6_000)
    ]})  # fmt: skip
    with database.connect(settings) as connection:
        this = table(settings, ALERTS)
        connection.exec_driver_sql(f"analyze table `{this.schema}`.`{this.name}`")
    steps = explained(settings, lambda: run(settings, NAME))
    recent, unsettled, *changes = (step for step in steps if step["table"] == ALERTS)
    assert recent["key"] == "ix_alert_type_triggered_at" and recent["rows"] <= 60
    assert unsettled["key"].startswith("ix_status_triggered_at") and unsettled["rows"] <= 60
    assert {step["key"] for step in changes} == {"PRIMARY"}
