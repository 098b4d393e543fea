"""Devices that fell silent or whose calibration is past: their state, and alerts for patients."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from orchestration.operations.alerting import Alerts, Reading, Verdict, decide
from orchestration.operations.running import Run
from orchestration.operations.sweeping import lock_no_gaps, updating

SILENCE = timedelta(hours=1)
USUAL_INTERVAL_DAYS = 365
# Inactive devices are out of use; what becomes of the others is looked at.
IN_USE = ("active", "maintenance", "error", "offline")
# Staff who muted an alert want no second one; it ends with the condition as well.
UNSETTLED = ("open", "acknowledged", "in_progress", "suppressed")
# What staff work on, or raised themselves, is theirs to close.
ENDED_BY_DEVICE = ("open", "acknowledged", "suppressed")
_IDS = uuid.UUID("a2f1c9d4-3b57-5e0c-8f6a-7d90b1e45c38")


@dataclass(frozen=True)
class Device:
    """What the check knows of a device in use."""

    id: str
    tenant_id: str
    name: str
    status: str
    patient_id: str | None
    last_online_at: datetime | None
    created_at: datetime | None
    calibrated_at: datetime | None
    calibration_days: int

    def is_silent(self, as_of: datetime) -> bool | None:
        """From the hour on, never seen counted from its start; only active devices can tell."""
        if self.status != "active":
            return None
        seen = self.last_online_at or self.created_at
        return seen is not None and seen + SILENCE <= as_of

    def is_uncalibrated(self, as_of: datetime) -> bool:
        """As needs_calibration has it: past the day, or never calibrated."""
        due = self.calibration_due_at
        return due is None or due < as_of

    @property
    def calibration_due_at(self) -> datetime | None:
        """None for a device that was never calibrated."""
        return self.calibrated_at and self.calibrated_at + timedelta(days=self.calibration_days)


@dataclass(frozen=True)
class Kind:
    """What an alert can be about; `holds` is None where a device says nothing of it.

    Once staff closed an alert, the next one waits for `cooldown`.
    """

    name: str
    alert_type: str
    title: str
    urgency: str
    cooldown: timedelta
    holds: Callable[[Device, datetime], bool | None]
    words: Callable[[Device], str]


OFFLINE = Kind(
    "device_offline", "device_offline", "设备离线", "routine", timedelta(0), Device.is_silent,
    lambda device: f"last seen {device.last_online_at or 'never'}",
)  # fmt: skip
CALIBRATION = Kind(
    "calibration_due", "custom", "设备校准过期", "scheduled", timedelta(days=1),
    Device.is_uncalibrated,
    lambda device: f"calibration due {device.calibration_due_at or 'now, there was none yet'}",
)  # fmt: skip
KINDS = (OFFLINE, CALIBRATION)
# Alerts of a kind by device.
Known = Mapping[str, Mapping[str, Alerts]]


def judge(kind: Kind, devices: Sequence[Device], known: Known, as_of: datetime) -> Verdict:
    """Devices to alert about and alerts to resolve; one open alert a device and kind."""
    readings = {
        device.id: (Reading(as_of, holds),)
        for device in devices
        if (holds := kind.holds(device, as_of)) is not None
    }
    return decide(readings, known.get(kind.name, {}), as_of, cooldown=kind.cooldown, needed=1)


def check_device_status(run: Run) -> None:
    """Take silent devices offline; raise and resolve alerts about silence and calibration."""
    with run.read() as connection:
        devices = _devices(run, connection)
        known = _alerts(run, connection)
    run.examined += len(devices)
    alerts = run.table("health_alerts")
    close = updating(
        run,
        alerts,
        (alerts.c.status.in_(ENDED_BY_DEVICE),),
        status="resolved",
        resolved_at=run.as_of,
    )
    done: Counter[str] = Counter()
    for tenant_id, group in groupby(devices, lambda device: device.tenant_id):
        mine = list(group)
        silent = [device.id for device in mine if device.is_silent(run.as_of)]
        done["taken offline"] += run.change(tenant_id, silent, partial(_take_offline, run))
        verdicts = {kind.name: judge(kind, mine, known, run.as_of) for kind in KINDS}
        owned = {device.id for device in mine if device.patient_id}
        overdue = [key for key, _ in verdicts[CALIBRATION.name].raised if key in owned]
        asked = run.change(tenant_id, overdue, partial(_ask_for_calibration, run))
        done["calibrations asked for"] += asked
        ended = [(key,) for verdict in verdicts.values() for key in verdict.resolved]
        done["alerts resolved"] += run.change(tenant_id, ended, close)
    run.notes += [f"{what}: {count:,}" for what, count in done.items()]


# --- reading -------------------------------------------------------------------------------------


def _devices(run: Run, connection: sa.Connection, ids: Sequence[str] | None = None) -> list[Device]:
    """Devices in use by tenant and id; of `ids` alone, and then locked against the application."""
    c = run.table("health_devices").c
    asked = sa.select(
        c.id,
        c.tenant_id,
        c.device_name,
        c.status,
        c.assigned_patient_id,
        c.last_online_at,
        c.created_at,
        c.last_calibration_at,
        sa.func.coalesce(c.calibration_interval_days, USUAL_INTERVAL_DAYS),
    )
    if ids is None:
        asked = asked.where(c.status.in_(IN_USE)).order_by(c.tenant_id, c.id)
    else:
        # By the primary key alone: another index would lock in another order.
        lock_no_gaps(run, connection)
        asked = asked.where(c.id.in_(ids)).order_by(c.id)
        if run.settings.is_mysql:  # DuckDB's single writer is the lock
            asked = asked.with_for_update()
    found = [Device(*row) for row in connection.execute(asked)]
    return [device for device in found if device.status in IN_USE]


def _alerts(
    run: Run, connection: sa.Connection, ids: Sequence[str] | None = None
) -> dict[str, dict[str, Alerts]]:
    """Alerts that are unsettled or within the longest cooldown, by kind and device."""
    c = run.table("health_alerts").c
    since = run.as_of - max(kind.cooldown for kind in KINDS)
    asked = sa.select(
        c.id,
        c.device_id,
        c.alert_type,
        sa.type_coerce(c.alert_data, sa.Text),
        c.status,
        c.trigger_source,
        sa.func.coalesce(c.triggered_at, c.created_at),
    ).where(c.alert_type.in_([kind.alert_type for kind in KINDS]), c.device_id.is_not(None))
    if ids is not None:
        asked = asked.where(c.device_id.in_(ids))
    # Apart, so that each has an index: together they would read all alerts there ever were.
    old = sa.or_(c.triggered_at.is_(None), c.triggered_at <= since)
    listed = [
        *connection.execute(asked.where(c.triggered_at > since)),
        *connection.execute(asked.where(c.status.in_(UNSETTLED), old)),
    ]
    found: dict[str, dict[str, Alerts]] = {kind.name: {} for kind in KINDS}
    for key, device, alert_type, data, status, source, at in listed:
        name = kind_of(alert_type, data)
        if name is None:
            continue
        at = at or run.as_of
        before = found[name].get(device, Alerts(at))
        closable = status in ENDED_BY_DEVICE and source != "manual"
        found[name][device] = Alerts(
            max(before.latest, at),
            before.unsettled or status in UNSETTLED,
            before.resolvable + ((key,) if closable else ()),
        )
    return found


def kind_of(alert_type: str, alert_data: str | None) -> str | None:
    """Which of the kinds an alert is about; custom alerts tell by their data."""
    if alert_type == OFFLINE.alert_type:
        return OFFLINE.name
    told = json.loads(alert_data) if alert_data else None
    known = isinstance(told, dict) and told.get("kind") == CALIBRATION.name
    return CALIBRATION.name if known else None


# --- writing -------------------------------------------------------------------------------------


def _take_offline(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    """Those that are still silent: the device may have been heard since it was looked at."""
    silent = [d for d in _devices(run, connection, ids) if d.is_silent(run.as_of)]
    devices = run.table("health_devices")
    change = devices.update().where(devices.c.id.in_([device.id for device in silent]))
    connection.execute(change.values(status="offline", updated_at=run.as_of))
    _raise(run, connection, OFFLINE, silent)
    return len(silent)


def _ask_for_calibration(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    """The same for devices that may have been calibrated, or given to another patient, since."""
    return _raise(run, connection, CALIBRATION, _devices(run, connection, ids))


def _raise(run: Run, connection: sa.Connection, kind: Kind, devices: Sequence[Device]) -> int:
    """One alert for each device that is with a patient and has none of the kind."""
    known = _alerts(run, connection, [device.id for device in devices])
    raised = {key for key, _ in judge(kind, devices, known, run.as_of).raised}
    rows = [_alert(run, kind, d) for d in devices if d.id in raised and d.patient_id]
    if rows:
        connection.execute(run.table("health_alerts").insert(), rows)
    return len(rows)


def _alert(run: Run, kind: Kind, device: Device) -> dict[str, Any]:
    seen, due = device.last_online_at, device.calibration_due_at
    moment = seen if kind is OFFLINE else due
    return {
        "id": str(uuid.uuid5(_IDS, f"{device.id}/{kind.name}/{run.as_of}")),
        "tenant_id": device.tenant_id,
        "patient_id": device.patient_id,
        "device_id": device.id,
        "alert_type": kind.alert_type,
        "alert_level": "warning",
        "alert_title": kind.title,
        "alert_message": f"{device.name}: {kind.words(device)}.",
        "alert_data": {"kind": kind.name, "since": moment and str(moment)},
        "trigger_source": "scheduled",
        "urgency_level": kind.urgency,
        "status": "open",
        **dict.fromkeys(("triggered_at", "created_at", "updated_at"), run.as_of),
    }
