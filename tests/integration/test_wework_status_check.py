"""Accounts that fall silent and come back, tick by tick, against a plain account of each."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from rows import Row, change, insert, make_tables, rows, table

from orchestration import database
from orchestration.operations import running
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, run_operation
from orchestration.operations.wework import Online
from orchestration.settings import Settings

START = datetime(2026, 6, 30, 12, 0)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ACCOUNTS, HISTORY = "wework_accounts", "wework_account_status_history"
ALERTS, MONITOR = "wework_account_alerts", "wework_account_monitor_rules"
BY_NAME = {o.name: o for o in OPERATIONS if o.domain == "wework"}
TIMEOUT = {"alert_type": "heartbeat_timeout", "status": "open", "first_occurred_at": START - HOUR,
           "last_occurred_at": START - HOUR, "tenant_id": "t1"}  # fmt: skip


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    settings = replace(engine_settings, domains=("core", "wework"))
    make_tables(settings, [ACCOUNTS, HISTORY, ALERTS, MONITOR, "saas_unified_audit_logs"])
    return settings


def run(
    settings: Settings, as_of: datetime, name: str = "auto_status_check", **more: Any
) -> Report:
    return run_operation(BY_NAME[name], replace(settings, as_of=as_of), **more)


def account(key: str, heartbeat: datetime | None, status: str = "ONLINE", **more: Any) -> Row:
    return {"id": key, "tenant_id": "t1", "account_name": f"Account {key}", "wework_guid": key,
            "status": status, "last_heartbeat_time": heartbeat,
            "created_at": START - 9 * HOUR} | more  # fmt: skip


def move(key: str, account_id: str, at: datetime, old: str, new: str) -> Row:
    return {"id": key, "tenant_id": "t1", "account_id": account_id, "old_status": old,
            "new_status": new, "trigger_type": "CALLBACK", "created_at": at,
            "duration_seconds": None}  # fmt: skip


def statuses(settings: Settings) -> dict[str, str]:
    return {row["id"]: row["status"] for row in rows(settings, ACCOUNTS)}


@pytest.mark.parametrize(
    ("heartbeat", "since", "silent"),
    [
        (START - 120 * SECOND, START - HOUR, True),
        (START - 119 * SECOND, START - HOUR, False),
        (START - 120 * SECOND, START - SECOND, True),
        (None, START - 120 * SECOND, True),
        (None, START - 119 * SECOND, False),
    ],
)
def test_both_sides_of_two_minutes(
    heartbeat: datetime | None, since: datetime, silent: bool
) -> None:
    assert Online("a", "t", "A", heartbeat, since).is_silent(START) is silent


def test_what_a_silent_account_leaves_behind(settings: Settings) -> None:
    late, fresh = START - 120 * SECOND, START - 119 * SECOND
    insert(settings, ACCOUNTS, account("seen", late), account("fresh", fresh),
           account("unseen", None), account("new", None, created_at=late),
           account("just", None), account("off", late, "OFFLINE"), account("error", None, "ERROR"),
           account("other", late, tenant_id="t2"))  # fmt: skip
    insert(settings, HISTORY, move("1", "seen", START - 3 * HOUR, "VERIFYING", "ONLINE"),
           move("0", "seen", START - 4 * HOUR, "CREATED", "VERIFYING"),
           move("2", "unseen", late, "VERIFYING", "ONLINE"),
           move("3", "just", fresh, "VERIFYING", "ONLINE"))  # fmt: skip
    before = rows(settings, ACCOUNTS)
    dry = run(settings, START, dry_run=True)
    assert (dry.examined, dry.changed_by_tenant) == (6, {"t1": 3, "t2": 1})
    assert rows(settings, ACCOUNTS) == before
    report = run(settings, START, batch_rows=2)
    assert (report.examined, report.changed_by_tenant) == (6, {"t1": 3, "t2": 1})
    fell = {"seen": 3 * 3600, "unseen": 120, "new": 120, "other": 9 * 3600}
    after = {row["id"]: row for row in rows(settings, ACCOUNTS)}
    for row in before:
        wanted = {"status": "OFFLINE", "updated_at": START} if row["id"] in fell else {}
        assert after[row["id"]] == row | wanted
    told = [row for row in rows(settings, HISTORY) if row["trigger_type"] == "HEARTBEAT_TIMEOUT"]
    assert {row["account_id"]: row["duration_seconds"] for row in told} == fell
    for row in told:
        assert (row["old_status"], row["new_status"]) == ("ONLINE", "OFFLINE")
        assert row["created_at"] == START
    alerts = {row["account_id"]: row for row in rows(settings, ALERTS)}
    assert set(alerts) == set(fell)
    expected = {
        "tenant_id": "t1", "alert_type": "heartbeat_timeout", "alert_level": "error",
        "status": "open", "first_occurred_at": START, "last_occurred_at": START,
        "occurrence_count": 1, "created_at": START, "resolved_at": None,
        "alert_data": {"last_heartbeat_time": str(late)},
        "alert_message": f"Account seen: last heartbeat {late}, ONLINE since {START - 3 * HOUR}; "
        f"OFFLINE at {START}.",
    }  # fmt: skip
    assert {name: alerts["seen"][name] for name in expected} == expected
    audits = rows(settings, "saas_unified_audit_logs")
    assert {(a["tenant_id"], a["change_data"]["changed"]) for a in audits} == {("t1", 3), ("t2", 1)}
    assert run(settings, START).changed == 0


def test_accounts_fall_and_return_tick_by_tick(settings: Settings) -> None:
    rng = random.Random(5)
    world = {f"a{n:02}": account(f"a{n:02}", START) for n in range(12)}
    since = {key: row["created_at"] for key, row in world.items()}
    insert(settings, ACCOUNTS, *world.values())
    accounts, history, falls, alerts = table(settings, ACCOUNTS), 0, [], []
    for tick in range(8):
        as_of = START + tick * 120 * SECOND
        new: list[Row] = []
        for key, row in world.items():
            if row["status"] != "ONLINE" and rng.random() < 0.4:
                since[key] = as_of - rng.randint(0, 119) * SECOND
                new.append(move(f"{history:03}", key, since[key], row["status"], "ONLINE"))
                history += 1
                seen = rng.choice([None, since[key], as_of - HOUR])
                row |= {"status": "ONLINE", "last_heartbeat_time": seen}
            elif rng.random() < 0.7:
                row["last_heartbeat_time"] = as_of - rng.choice([0, 60, 119, 120]) * SECOND
            change(settings, ACCOUNTS, accounts.c.id == key, status=row["status"],
                   last_heartbeat_time=row["last_heartbeat_time"])  # fmt: skip
        insert(settings, HISTORY, *new)
        for key, row in world.items():
            if row["status"] != "ONLINE":
                continue
            mine = [a for a in alerts if a["account"] == key and a["status"] == "open"]
            if as_of - (row["last_heartbeat_time"] or since[key]) >= 120 * SECOND:
                falls.append((key, as_of, (as_of - since[key]).total_seconds()))
                row["status"], since[key] = "OFFLINE", as_of
                for alert in mine:
                    alert.update(last=as_of, count=alert["count"] + 1)
                if not mine:
                    alerts.append({"account": key, "first": as_of, "last": as_of, "count": 1,
                                   "status": "open", "resolved": None})  # fmt: skip
            else:
                for alert in mine:
                    alert.update(status="resolved", resolved=as_of)
        run(settings, as_of, batch_rows=5)
        assert statuses(settings) == {key: row["status"] for key, row in world.items()}
        told = [
            (row["account_id"], row["created_at"], row["duration_seconds"])
            for row in rows(settings, HISTORY)
            if row["trigger_type"] == "HEARTBEAT_TIMEOUT"
        ]
        assert sorted(told) == sorted(falls)
        found = [(row["account_id"], row["first_occurred_at"], row["last_occurred_at"],
                  row["occurrence_count"], row["status"], row["resolved_at"])
                 for row in rows(settings, ALERTS)]  # fmt: skip
        assert sorted(found, key=str) == sorted(
            (tuple(a.values()) for a in in_order(alerts)), key=str
        )
        assert run(settings, as_of).changed == 0
    counts = [alert["count"] for alert in alerts]
    assert max(counts) > 1 and len(counts) > len({a["account"] for a in alerts})
    assert {alert["status"] for alert in alerts} == {"open", "resolved"}


def in_order(alerts: list[Row]) -> list[Row]:
    names = ("account", "first", "last", "count", "status", "resolved")
    return [{name: alert[name] for name in names} for alert in alerts]


def test_open_alerts_are_not_doubled_and_only_those_of_no_rule_are_closed(
    settings: Settings,
) -> None:
    kinds = ("open", "acknowledged", "suppressed", "resolved")
    fall = [account(f"fall-{kind}", None) for kind in (*kinds, "rule", "type")]
    back = [account(f"back-{kind}", START) for kind in (*kinds, "rule", "type")]
    insert(settings, ACCOUNTS, *fall, *back)
    alerts = []
    for key in (row["id"] for row in (*fall, *back)):
        kind = key.partition("-")[2]
        more: Row = {"status": kind} if kind in kinds else {}
        more |= {"alert_data": {"rule_id": "r"}} if kind == "rule" else {}
        more |= {"alert_type": "abnormal_offline"} if kind == "type" else {}
        alerts.append(TIMEOUT | {"id": key, "account_id": key} | more)
    insert(settings, ALERTS, *alerts)
    run(settings, START)
    found = {row["id"]: row for row in rows(settings, ALERTS)}
    added = {row["account_id"] for row in found.values() if row["first_occurred_at"] == START}
    assert added == {"fall-resolved", "fall-type"}
    ended = {key for key, row in found.items() if row["resolved_at"] == START}
    assert ended == {"back-open", "back-acknowledged", "back-suppressed"}
    counted = {key for key, row in found.items() if row["occurrence_count"] == 2}
    assert counted == {"fall-open", "fall-acknowledged", "fall-suppressed"}


def test_the_check_and_a_monitor_rule_share_one_alert(settings: Settings) -> None:
    insert(settings, ACCOUNTS, account("a1", START - 130 * SECOND))
    insert(settings, MONITOR,
           {"id": "r", "tenant_id": "t1", "rule_type": "heartbeat_check", "check_interval": 0,
            "threshold_config": {}, "is_enabled": True})  # fmt: skip
    rule = "evaluate_wework_monitor_rules"
    for tick, name in enumerate([rule, "auto_status_check", rule]):
        run(settings, START + tick * SECOND, name)
    (alert,) = rows(settings, ALERTS)
    assert (alert["alert_data"]["rule_id"], alert["status"]) == ("r", "open")
    assert statuses(settings) == {"a1": "OFFLINE"}
    change(settings, ACCOUNTS, status="ONLINE", last_heartbeat_time=START + HOUR)
    for name in ("auto_status_check", rule):
        run(settings, START + HOUR, name)
    (alert,) = rows(settings, ALERTS)
    assert alert["status"] == "resolved"


@pytest.mark.mysql
def test_a_heartbeat_that_comes_meanwhile_is_heeded(
    mysql_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connector writes between the look and the change, and waits for nobody's leave."""
    settings = replace(mysql_settings, domains=("core", "wework"))
    make_tables(settings, [ACCOUNTS, HISTORY, ALERTS, "saas_unified_audit_logs"])
    insert(settings, ACCOUNTS, account("beats", None), account("leaves", None),
           account("silent", None))  # fmt: skip
    accounts, transaction = table(settings, ACCOUNTS), running.transaction

    def connector() -> None:
        with database.begin(settings) as connection:
            beats, leaves = accounts.c.id == "beats", accounts.c.id == "leaves"
            connection.execute(accounts.update().where(beats).values(last_heartbeat_time=START))
            connection.execute(accounts.update().where(leaves).values(status="ERROR"))

    def meanwhile(*arguments: Any) -> Any:
        thread = threading.Thread(target=connector)
        thread.start()
        thread.join()
        return transaction(*arguments)

    monkeypatch.setattr(running, "transaction", meanwhile)
    report = run(settings, START)
    assert report.changed == 1
    assert statuses(settings) == {"beats": "ONLINE", "leaves": "ERROR", "silent": "OFFLINE"}
    assert [row["account_id"] for row in rows(settings, ALERTS)] == ["silent"]
