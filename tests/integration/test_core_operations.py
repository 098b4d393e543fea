"""What has expired in the core database: sessions, shares, temporary files, forgotten alerts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from operation_rows import AS_OF, DAY, SECOND, TENANTS, Rows, core_rows
from operation_runs import (
    ON_MYSQL,
    check_run,
    everything,
    explained,
    fill,
    meanwhile,
    run,
    short_lock_waits,
)
from rows import Row, change, insert, rows, table

from orchestration import database
from orchestration.schema.deploy import deploy
from orchestration.settings import Settings

NAME = "cleanup_expired_data"
SESSIONS, FILES, SHARES = "saas_user_sessions", "saas_files", "saas_file_shares"
ALERTS = "saas_unified_alerts"
OLD = AS_OF - 40 * DAY
TABLES = (SESSIONS, FILES, SHARES, ALERTS)


@pytest.fixture(scope="module")
def core(module_engine_settings: Settings) -> Settings:
    """The real tables, with foreign keys and partitions, and tenants with a user."""
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("core",))
    deploy(settings, oldest=date(2026, 1, 1), progress=lambda _: None)
    insert(settings, "saas_tenants",
           *({"id": t, "tenant_code": t, "tenant_name": t} for t in TENANTS))  # fmt: skip
    insert(settings, "saas_users", {"id": "0", "tenant_id": "t1", "username": "u", "email": "u"})
    return settings


@pytest.fixture
def settings(core: Settings) -> Settings:
    fill(core, {name: [] for name in TABLES})
    return core


def expected(before: Rows) -> tuple[Rows, Mapping[str, int]]:
    """The table of sixteen, in plain Python."""
    counts: Counter[str] = Counter()
    left: Rows = {name: [] for name in TABLES}
    gone = set()
    for row in before[SESSIONS]:
        over = row["status"] in {"expired", "revoked", "force_logout"}
        if over and (AS_OF - row["expires_at"]).total_seconds() > 0:
            counts[row["tenant_id"]] += 1
        else:
            left[SESSIONS].append(row)
    for row in before[FILES]:
        if row["is_temporary"] and row["expires_at"] and row["expires_at"] < AS_OF:
            counts[row["tenant_id"]] += 1
            gone.add(row["id"])
        else:
            left[FILES].append(row)
    for row in before[SHARES]:
        if row["is_active"] and row["expires_at"] and row["expires_at"] < AS_OF:
            counts[row["tenant_id"]] += 1
            row |= {"is_active": False, "updated_at": AS_OF}
        if row["file_id"] not in gone:
            left[SHARES].append(row)
    for row in before[ALERTS]:
        if row["status"] == "open" and (AS_OF - row["created_at"]).total_seconds() >= 30 * 86_400:
            counts[row["tenant_id"]] += 1
            row |= {"status": "expired", "updated_at": AS_OF}
        left[ALERTS].append(row)
    return left, counts


def test_everything_on_every_edge(settings: Settings) -> None:
    world = core_rows(random.Random(1))
    fill(settings, world)
    report = check_run(settings, NAME, TABLES, expected)
    assert [note.partition(":")[0] for note in report.notes] == [SESSIONS, SHARES, FILES, ALERTS]
    assert all(not note.endswith(": 0") for note in report.notes)
    assert all(rows(settings, name) for name in TABLES)


def test_both_sides_of_each_boundary(settings: Settings) -> None:
    before, after = AS_OF - SECOND, AS_OF + SECOND
    month = AS_OF - timedelta(days=30)
    fill(settings, {
        SESSIONS: [
            {"id": key, "tenant_id": "t1", "session_token": key, "status": status,
             "expires_at": at}
            for key, status, at in (
                ("past", "expired", before), ("now", "expired", AS_OF),
                ("revoked-later", "revoked", after), ("renewable", "active", before),
                ("looked-into", "suspicious", before))
        ],
        FILES: [
            {"id": key, "tenant_id": "t1", "is_temporary": temporary, "expires_at": at}
            for key, temporary, at in (
                ("past", True, before), ("now", True, AS_OF), ("endless", True, None),
                ("ordinary", False, before))
        ],
        SHARES: [
            {"id": key, "tenant_id": "t1", "share_token": key, "file_id": file,
             "is_active": True, "expires_at": at}
            for key, file, at in (
                ("past", "now", before), ("now", "now", AS_OF), ("endless", "ordinary", None),
                ("of-a-file-that-goes", "past", None))
        ],
        ALERTS: [
            {"id": key, "tenant_id": "t1", "status": status, "created_at": at}
            for key, status, at in (
                ("thirty", "open", month), ("younger", "open", month + SECOND),
                ("taken-on", "acknowledged", month))
        ],
    })  # fmt: skip
    report = run(settings, NAME)
    assert report.notes == (f"{SESSIONS}: 1", f"{SHARES}: 1", f"{FILES}: 1", f"{ALERTS}: 1")
    left = {name: {row["id"] for row in listed}
            for name, listed in everything(settings, TABLES).items()}  # fmt: skip
    assert left[SESSIONS] == {"now", "revoked-later", "renewable", "looked-into"}
    assert left[FILES] == {"now", "endless", "ordinary"}
    assert left[SHARES] == {"past", "now", "endless"}
    off = {row["id"] for row in rows(settings, SHARES) if not row["is_active"]}
    assert off == {"past"}
    assert {row["id"] for row in rows(settings, ALERTS) if row["status"] == "expired"} == {"thirty"}


@pytest.mark.parametrize(
    ("name", "due", "written"),
    [
        (SESSIONS, {"status": "expired", "expires_at": OLD}, {"status": "active"}),
        (SESSIONS, {"status": "expired", "expires_at": OLD}, {"expires_at": AS_OF}),
        (FILES, {"is_temporary": True, "expires_at": OLD}, {"is_temporary": False}),
        (SHARES, {"is_active": True, "expires_at": OLD}, {"expires_at": AS_OF}),
        (ALERTS, {"status": "open", "created_at": OLD}, {"status": "acknowledged"}),
    ],
)
def test_what_the_application_writes_meanwhile_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, due: Row, written: Row
) -> None:
    """Renewed, kept, prolonged and taken on after the look: none of it is undone."""
    world: Rows = {each: [] for each in TABLES}
    world[FILES] = [{"id": "kept", "tenant_id": "t1"}] if name == SHARES else []
    world[name] = [
        {"id": key, "tenant_id": "t1", "session_token": key, "share_token": key, "file_id": "kept"}
        | due
        for key in ("changes", "stays")
    ]
    columns = table(settings, name).c
    world[name] = [{k: v for k, v in row.items() if k in columns} for row in world[name]]
    fill(settings, world)

    def application() -> None:
        change(settings, name, columns.id == "changes", **written)

    before = {row["id"]: row for row in rows(settings, name)}
    with meanwhile(monkeypatch, application):
        assert run(settings, NAME).changed == 1
    after = {row["id"]: row for row in rows(settings, name)}
    moved = {"updated_at": after["changes"].get("updated_at")} if "updated_at" in columns else {}
    assert after["changes"] == before["changes"] | written | moved
    assert after.get("stays") != before["stays"]


@ON_MYSQL
def test_a_batch_waits_for_no_row_that_it_leaves_alone(settings: Settings) -> None:
    old = AS_OF - 40 * DAY
    fill(settings, {
        SESSIONS: [{"id": str(n), "tenant_id": "t1", "session_token": str(n), "expires_at": old,
                    "status": "expired" if n % 2 else "active"} for n in range(20)],
        ALERTS: [{"id": str(n), "tenant_id": "t1", "created_at": old,
                  "status": "open" if n % 2 else "acknowledged"} for n in range(20)],
    } | {name: [] for name in (FILES, SHARES)})  # fmt: skip
    with database.begin(settings) as holder:
        for name, state in ((SESSIONS, "suspicious"), (ALERTS, "suppressed")):
            held = table(settings, name)
            touch = held.update().where(held.c.id.in_([str(n) for n in range(0, 20, 2)]))
            holder.execute(touch.values(status=state))
        with short_lock_waits(settings):
            assert run(settings, NAME).changed == 20


@ON_MYSQL
def test_alerts_are_found_by_index_and_changed_by_key(settings: Settings) -> None:
    """A partition has thousands of alerts, of which a handful are open: no partition is scanned."""
    start = AS_OF - 170 * DAY
    fill(settings, {name: [] for name in (SESSIONS, FILES, SHARES)} | {ALERTS: [
        {"id": f"{n:05}", "tenant_id": "t1", "created_at": start + n * timedelta(minutes=30),
         "status": "resolved" if n % 400 else "open"}
        for n in range(8_000)
    ]})  # fmt: skip
    with database.connect(settings) as connection:
        alerts = table(settings, ALERTS)
        connection.exec_driver_sql(f"analyze table `{alerts.schema}`.`{alerts.name}`")
    steps = explained(settings, lambda: run(settings, NAME))
    (found, changed) = (step for step in steps if step["table"] == ALERTS)
    assert (found["select_type"], found["type"]) == ("SIMPLE", "range")
    # entries that were changed before, by another test, count until the server has purged them
    assert found["key"].startswith("ix_status") and found["rows"] < 400
    assert (changed["select_type"], changed["type"], changed["key"]) == (
        "UPDATE", "range", "PRIMARY")  # fmt: skip
    assert "p_future" not in changed["partitions"]
    assert [row for row in rows(settings, ALERTS) if row["status"] == "expired"]
