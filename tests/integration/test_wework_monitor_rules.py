"""Alerts by monitor rule over WeCom accounts, tick by tick, against plain Python over the rows."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from fractions import Fraction
from typing import Any

import pytest
import warehouses
from rows import Row, change, insert, make_tables, rows, table
from warehouses import Demo

from orchestration import database
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, run_operation
from orchestration.operations.wework import (
    CONDITIONS,
    Condition,
    is_due,
    monitor_rules_page,
    read_rule,
)
from orchestration.rules.accounts import FIGURES, compile_for_accounts
from orchestration.rules.commands import MONITOR_FILE
from orchestration.rules.context import Context
from orchestration.rules.fields import ACCOUNT_FIGURES
from orchestration.rules.grammar import RuleFault, parse
from orchestration.sampledata.wework import RULES
from orchestration.schema.metadata import metadata_of
from orchestration.schema.record import load_record
from orchestration.schema.reference_data import DEFAULTS
from orchestration.settings import Settings

START = datetime(2026, 6, 30, 12, 0)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
TENANT = "tenant-1"
(EVALUATE,) = (o for o in OPERATIONS if o.name == "evaluate_wework_monitor_rules")
ACCOUNTS, HISTORY, MESSAGES = (
    "wework_accounts",
    "wework_account_status_history",
    "wework_message_records",
)
CALLBACKS, CONVERSATIONS = "wework_callback_logs", "wework_conversations"
ALERTS, MONITOR = "wework_account_alerts", "wework_account_monitor_rules"


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    settings = replace(engine_settings, domains=("core", "wework"))
    make_tables(settings, [ACCOUNTS, HISTORY, MESSAGES, CALLBACKS, CONVERSATIONS, ALERTS, MONITOR,
                           "saas_unified_audit_logs"])  # fmt: skip
    return settings


def run(settings: Settings, as_of: datetime, **options: Any) -> Report:
    return run_operation(EVALUATE, replace(settings, as_of=as_of), **options)


def monitor_rule(key: str, rule_type: str, config: Any = None, **more: Any) -> Row:
    return {"id": key, "tenant_id": TENANT, "account_id": None, "rule_name": f"Rule {key}",
            "rule_type": rule_type, "threshold_config": config or {}, "alert_level": "error",
            "check_interval": 0, "is_enabled": True, "alert_template": None,
            "last_executed_at": None} | more  # fmt: skip


def account(key: str, **more: Any) -> Row:
    return {"id": key, "tenant_id": TENANT, "account_name": f"Account {key}", "status": "ONLINE",
            "last_heartbeat_time": START, "wework_guid": key, "created_at": START - 90 * DAY,
            "health_score": 100, "retry_count": 0, "max_retry_count": 3, "qr_code_expires_at": None,
            "hourly_message_limit": 100, "daily_message_limit": 1000} | more  # fmt: skip


def moved(at: datetime, old: str | None, new: str, **more: Any) -> tuple[str, Row]:
    return HISTORY, {"created_at": at, "old_status": old, "new_status": new,
                     "trigger_type": "AUTO", "network_quality": None} | more  # fmt: skip


def sent(at: datetime, status: str = "sent", **more: Any) -> tuple[str, Row]:
    return MESSAGES, {"created_at": at, "direction": "send", "send_status": status,
                      "response_time_ms": None, "processing_time_ms": None} | more  # fmt: skip


def called(at: datetime, status: str) -> tuple[str, Row]:
    return CALLBACKS, {"created_at": at, "processing_status": status}


def unread(count: int) -> tuple[str, Row]:
    return CONVERSATIONS, {"unread_count": count, "created_at": START - DAY}


def store(settings: Settings, tenant: str, accounts: dict[str, list[Any]]) -> None:
    """Insert accounts, each as [columns, *rows of other tables]."""
    found: dict[str, list[Row]] = {}
    for key, (columns, *others) in accounts.items():
        name = f"{tenant}/{key}"
        found.setdefault(ACCOUNTS, []).append(account(name, **columns) | {"tenant_id": tenant})
        for number, (where, row) in enumerate(others):
            whose = {"id": f"{name}/{number}", "tenant_id": tenant, "account_id": name}
            if where == CONVERSATIONS:
                whose["conversation_id"] = whose["id"]
            found.setdefault(where, []).append(whose | row)
    for where, listed in found.items():
        insert(settings, where, *listed)


# --- both sides of every threshold ---------------------------------------------------------------


def since(seconds: float) -> datetime:
    return START - timedelta(seconds=seconds)


def in_state(status: str, seconds: int) -> list[Any]:
    return [{"status": status}, moved(since(seconds), "OFFLINE", status)]


def sends(bad: int, all_: int) -> list[Any]:
    """Messages within the hour, and failed ones that are a second too old or not sent."""
    return [
        {},
        *[sent(since(60), "failed" if n < bad else ("sent", "delivered", "read")[n % 3])
          for n in range(all_)],
        *[sent(since(3600), "failed") for _ in range(9)],
        *[sent(since(60), "failed", direction="receive") for _ in range(9)],
    ]  # fmt: skip


def timed(column: str, *values: int | None) -> list[Any]:
    return [{}, *[sent(since(60), **{column: value}) for value in values],
            sent(since(3600), **{column: 10**6})]  # fmt: skip


def failures(old: str, new: str, count: int, window: int) -> list[Any]:
    """So many failures, one right in the window's first second, and one before it."""
    at = [since(window - 1), *(since(60 + n) for n in range(count - 1)), since(window)]
    return [{}, *[moved(moment, old, new) for moment in at]]


# alert type, or figure where it has a second one -> accounts that it is due for, and others
CASES: dict[str, tuple[dict[str, list[Any]], dict[str, list[Any]]]] = {
    "heartbeat_timeout": (
        {"late": [{"last_heartbeat_time": since(121)}],
         "never": [{"last_heartbeat_time": None}, moved(since(121), "VERIFYING", "ONLINE")],
         "new": [{"last_heartbeat_time": None, "created_at": since(121)}]},
        {"at": [{"last_heartbeat_time": since(120)}],
         "never": [{"last_heartbeat_time": None}, moved(since(120), "VERIFYING", "ONLINE")],
         "off": [{"last_heartbeat_time": since(9999), "status": "OFFLINE"}]},
    ),
    "login_failed": (
        {"over": failures("VERIFYING", "ERROR", 4, 86_400),
         "qr": failures("WAITING_QR", "OFFLINE", 4, 86_400)},
        {"at": failures("VERIFYING", "ERROR", 3, 86_400),
         "else": failures("ONLINE", "ERROR", 9, 86_400), "none": [{}]},
    ),
    "message_send_failed": (
        {"under": sends(3, 20)},
        {"at": sends(2, 20), "few": sends(19, 19), "none": [{}]},
    ),
    "auto_recovery_failed": (
        {"over": in_state("RECOVERING", 601)},
        {"at": in_state("RECOVERING", 600), "else": in_state("VERIFYING", 9999)},
    ),
    "retry_limit_reached": (
        {"over": [{"retry_count": 3}], "own": [{"retry_count": 1, "max_retry_count": 1}]},
        {"at": [{"retry_count": 2}], "none": [{"retry_count": None}]},
    ),
    "abnormal_offline": (
        {"over": [{"status": "OFFLINE"}, moved(since(1801), "ONLINE", "OFFLINE")],
         "tried": [{"status": "ERROR"}, moved(since(1801), "ONLINE", "OFFLINE"),
                   moved(since(90), "OFFLINE", "RECOVERING"),
                   moved(since(30), "RECOVERING", "ERROR")]},
        {"at": [{"status": "OFFLINE"}, moved(since(1800), "ONLINE", "OFFLINE")],
         "back": [{}, moved(since(9999), "ONLINE", "OFFLINE"),
                  moved(since(9), "OFFLINE", "ONLINE")],
         "hand": [{"status": "OFFLINE"},
                  moved(since(9999), "ONLINE", "OFFLINE", trigger_type="MANUAL")],
         "never": [{"status": "OFFLINE"}, moved(since(9999), "WAITING_QR", "OFFLINE")]},
    ),
    "performance_degraded": (
        {"over": timed("response_time_ms", 4000, 6001, None)},
        {"at": timed("response_time_ms", 4000, 6000, None), "none": [{}]},
    ),
    "processing_ms": (
        {"over": timed("processing_time_ms", 1000, 3001, None)},
        {"at": timed("processing_time_ms", 1000, 3000, None), "none": [{}]},
    ),
    "health_score_low": (
        {"under": [{"health_score": 59}]},
        {"at": [{"health_score": 60}], "none": [{"health_score": None}]},
    ),
    "network_error": (
        {"under": [{}, moved(since(99), "ONLINE", "OFFLINE", network_quality="good"),
                   moved(since(9), "OFFLINE", "ONLINE", network_quality="poor"),
                   moved(since(5), "ONLINE", "ERROR")]},
        {"at": [{}, moved(since(9), "OFFLINE", "ONLINE", network_quality="fair")],
         "was": [{}, moved(since(99), "ONLINE", "OFFLINE", network_quality="poor"),
                 moved(since(9), "OFFLINE", "ONLINE", network_quality="good")],
         "what": [{}, moved(since(9), "OFFLINE", "ONLINE", network_quality="so-so")]},
    ),
    "callback_error": (
        {"over": [{}, called(since(3599), "timeout"), called(since(9), "failed"),
                  *[called(since(9), "success")] * 37]},
        {"at": [{}, called(since(9), "failed"), *[called(since(9), "success")] * 19,
                *[called(since(3600), "failed")] * 9],
         "ignored": [{}, called(since(9), "ignored")]},
    ),
    "qr_code_expired": (
        {"over": [{"status": "WAITING_QR", "qr_code_expires_at": since(1)}]},
        {"at": [{"status": "WAITING_QR", "qr_code_expires_at": since(0)}],
         "none": [{"status": "WAITING_QR"}], "done": [{"qr_code_expires_at": since(99)}]},
    ),
    "verification_timeout": (
        {"over": in_state("VERIFYING", 301), "confirm": in_state("WAITING_CONFIRM", 301)},
        {"at": in_state("VERIFYING", 300), "else": in_state("RECOVERING", 9999)},
    ),
    "excessive_errors": (
        {"over": failures("ONLINE", "ERROR", 6, 3600)},
        {"at": failures("ONLINE", "ERROR", 5, 3600),
         "else": failures("ONLINE", "OFFLINE", 9, 3600)},
    ),
    "resource_exhausted": (
        {"hour": [{"hourly_message_limit": 2}, *[sent(since(3599), "read")] * 2],
         "day": [{"hourly_message_limit": None, "daily_message_limit": 2},
                 sent(datetime.combine(START, time())), sent(since(9))]},
        {"at": [{"hourly_message_limit": 2}, sent(since(3600)), sent(since(9)),
                *[sent(since(9), "failed")] * 9],
         "day": [{"daily_message_limit": 2}, sent(datetime.combine(START, time()) - SECOND),
                 sent(since(9))],
         "free": [{"hourly_message_limit": None, "daily_message_limit": None}, sent(since(9))]},
    ),
    "custom": (
        {"over": [{}, unread(300), unread(201)]},
        {"at": [{}, unread(300), unread(200)], "none": [{}]},
    ),
}  # fmt: skip
CUSTOM = {"metric": "unread_messages", "max_value": 500}


def condition_of(case: str) -> Condition:
    return next(c for c in CONDITIONS if case in (c.alert_type, c.figure))


def rule_of(case: str) -> Row:
    """The rule of a case, with the thresholds that count where it names none."""
    condition = condition_of(case)
    config: Row = {"alert_type": condition.alert_type}
    config |= CUSTOM if case == "custom" else {}
    config |= {"min_messages": 20} if case == "message_send_failed" else {}
    return monitor_rule(case, condition.rule_type, config, tenant_id=case)


def test_every_alert_type_on_both_sides_of_its_threshold_and_back(settings: Settings) -> None:
    for case, (due, others) in CASES.items():
        store(settings, case, {f"due-{key}": value for key, value in due.items()})
        store(settings, case, {f"not-{key}": value for key, value in others.items()})
        insert(settings, MONITOR, rule_of(case))
    wanted = {f"{case}/due-{key}" for case, (due, _) in CASES.items() for key in due}
    report = run(settings, START)
    found = rows(settings, ALERTS)
    assert {row["account_id"] for row in found} == wanted
    assert len(found) == len(wanted) == report.changed
    for row in found:
        assert row["account_id"].startswith(f"{row['alert_data']['rule_id']}/")
        assert row["alert_type"] == condition_of(row["tenant_id"]).alert_type
    assert {row["alert_type"] for row in found} == set(
        load_record().table(ALERTS).column("alert_type").enum_values
    )
    assert run(settings, START).changed == 0
    assert rows(settings, ALERTS) == found, "a second run at once changed something"

    later = START + 2 * DAY
    change(settings, ACCOUNTS, status="ONLINE", last_heartbeat_time=later, retry_count=0,
           health_score=100, qr_code_expires_at=None)  # fmt: skip
    change(settings, CONVERSATIONS, unread_count=0)
    change(settings, ACCOUNTS, hourly_message_limit=100, daily_message_limit=1000)
    fine = [moved(later - MINUTE, "OFFLINE", "ONLINE", network_quality="good"),
            called(later, "success"),
            *[sent(later, response_time_ms=1, processing_time_ms=1)] * 20]  # fmt: skip
    for where in (HISTORY, CALLBACKS, MESSAGES):
        insert(settings, where,
               *(row | {"id": f"{alert['id'][:8]}-{number}", "tenant_id": alert["tenant_id"],
                        "account_id": alert["account_id"]}
                 for alert in found
                 for number, (name, row) in enumerate(fine) if name == where))  # fmt: skip
    run(settings, later)
    ended = rows(settings, ALERTS)
    assert {(row["status"], row["resolved_at"]) for row in ended} == {("resolved", later)}
    assert [row["id"] for row in ended] == [row["id"] for row in found]
    assert run(settings, later).changed == 0


# --- tick by tick --------------------------------------------------------------------------------


class World:
    """Accounts that change from tick to tick, and what each figure must be, row by row."""

    def __init__(self, settings: Settings, rng: random.Random, count: int) -> None:
        self.settings, self.rng = settings, rng
        self.accounts = {f"a{n:02}": account(f"a{n:02}") for n in range(count)}
        self.others: dict[str, list[Row]] = {
            name: [] for name in (HISTORY, MESSAGES, CALLBACKS, CONVERSATIONS)
        }
        insert(settings, ACCOUNTS, *self.accounts.values())

    def add(self, key: str, where: str, row: Row) -> None:
        number = len(self.others[where])
        known = {"id": f"{number:05}", "tenant_id": TENANT, "account_id": key} | row
        if where == CONVERSATIONS:
            known["conversation_id"] = known["id"]
        self.others[where].append(known)

    def live(self, as_of: datetime) -> None:
        """Twenty minutes of every account's life."""
        rng, accounts, changed = self.rng, table(self.settings, ACCOUNTS), []
        before = {name: len(listed) for name, listed in self.others.items()}
        states = load_record().table(ACCOUNTS).column("status").enum_values
        for key, columns in self.accounts.items():
            at = as_of - rng.choice([0, 59, 119, 121, 300, 599, 601, 1199]) * SECOND
            if rng.random() < 0.6:
                new = rng.choice([*states, "ONLINE", "ONLINE", "ERROR"])
                grade = rng.choice([None, "poor", "fair", "good", "odd"])
                trigger = rng.choice(["AUTO", "MANUAL"])
                row = moved(at, columns["status"], new, trigger_type=trigger, network_quality=grade)
                self.add(key, *row)
                columns["status"] = new
            columns |= {
                "last_heartbeat_time": rng.choice([None, as_of, as_of - 120 * SECOND,
                                                   as_of - 121 * SECOND]),
                "health_score": rng.choice([None, 59, 60, 61]),
                "retry_count": rng.choice([None, 2, 3]),
                "qr_code_expires_at": rng.choice([None, as_of, as_of - SECOND]),
                "hourly_message_limit": rng.choice([None, 3, 9]),
                "daily_message_limit": rng.choice([None, 20]),
            }  # fmt: skip
            changed.append(accounts.update().where(accounts.c.id == key).values(**columns))
            for _ in range(rng.choice([0, 0, 2, 5])):
                self.add(key, *sent(at, rng.choice(["sent", "read", "failed", "pending"]),
                                    direction=rng.choice(["send", "send", "receive"]),
                                    response_time_ms=rng.choice([None, 4999, 5000, 5002]),
                                    processing_time_ms=rng.choice([None, 1999, 2001])))  # fmt: skip
                self.add(key, *called(at, rng.choice(["success", "success", "failed", "ignored"])))
            if rng.random() < 0.2:
                self.add(key, *unread(rng.randint(1, 400)))
        with database.begin(self.settings) as connection:
            for statement in changed:
                connection.execute(statement)
        for name, listed in self.others.items():
            insert(self.settings, name, *listed[before[name] :])

    def figure(self, name: str, key: str, as_of: datetime, window: int) -> Any:
        """None where the figure says nothing."""
        me = self.accounts[key]
        status = me["status"]
        mine = {name: [r for r in listed if r["account_id"] == key]
                for name, listed in self.others.items()}  # fmt: skip
        history = sorted(mine[HISTORY], key=lambda r: (r["created_at"], r["id"]))
        recent = {name: [r for r in listed if r["created_at"] > as_of - window * MINUTE]
                  for name, listed in mine.items()}  # fmt: skip
        out = [r for r in recent[MESSAGES] if r["direction"] == "send"]
        changed = history[-1]["created_at"] if history else me["created_at"]

        def mean(values: Sequence[Any], scale: int = 1) -> Fraction | None:
            known = [value for value in values if value is not None]
            return Fraction(scale * sum(known), len(known)) if len(known) >= 2 else None

        def in_states(*states: str) -> float | None:
            if status in states:
                return (as_of - changed).total_seconds()
            return None if status == "ERROR" else 0

        match name:
            case "silence_seconds":
                seen = me["last_heartbeat_time"] or changed
                return (as_of - seen).total_seconds() if status == "ONLINE" else None
            case "offline_seconds":
                left = [r for r in history if r["old_status"] == "ONLINE"]
                if status == "ONLINE" or (left and left[-1]["trigger_type"] == "MANUAL"):
                    return 0
                return (as_of - left[-1]["created_at"]).total_seconds() if left else None
            case "recovering_seconds":
                return in_states("RECOVERING")
            case "verifying_seconds":
                return in_states("WAITING_CONFIRM", "VERIFYING")
            case "qr_expired_seconds":
                end = me["qr_code_expires_at"]
                if status != "WAITING_QR":
                    return 0
                return None if end is None else (as_of - end).total_seconds()
            case "retries_left":
                return me["max_retry_count"] - (me["retry_count"] or 0)
            case "health_score":
                return me["health_score"]
            case "network_grade":
                told = [r["network_quality"] for r in history if r["network_quality"]]
                return {"poor": 1, "fair": 2, "good": 3}.get(told[-1]) if told else None
            case "failed_logins":
                return sum(
                    r["old_status"] in ("WAITING_QR", "WAITING_CONFIRM", "VERIFYING")
                    and r["new_status"] in ("OFFLINE", "ERROR")
                    for r in recent[HISTORY]
                )
            case "errors":
                return sum(r["new_status"] == "ERROR" for r in recent[HISTORY])
            case "success_rate_pct":
                return mean([r["send_status"] in ("sent", "delivered", "read") for r in out], 100)
            case "response_ms" | "processing_ms":
                return mean([r[name.replace("_ms", "_time_ms")] for r in out])
            case "callback_error_pct":
                handled = [r["processing_status"] for r in recent[CALLBACKS]]
                return mean([s == "failed" for s in handled if s != "ignored"], 100)
            case "messages_left":
                went = [r for r in mine[MESSAGES] if r["send_status"] in ("sent", "read")]
                gone = [r["created_at"] for r in went if r["direction"] == "send"]
                hour = sum(at > as_of - 60 * MINUTE for at in gone)
                day = sum(at.date() == as_of.date() for at in gone)
                left = [limit - used for limit, used in
                        ((me["hourly_message_limit"], hour), (me["daily_message_limit"], day))
                        if limit is not None]  # fmt: skip
                return min(left, default=None)
            case "unread_messages":
                return sum(r["unread_count"] for r in mine[CONVERSATIONS])
        raise AssertionError(name)


SMALL = {"max_failed_logins": 0, "max_errors": 0, "min_success_rate_pct": 50,
         "max_callback_error_pct": 33.3, "max_recovering_seconds": 300,
         "max_verifying_seconds": 300, "min_messages_left": 0}  # fmt: skip


def small_rules() -> list[tuple[Row, Condition]]:
    """One of every condition with thresholds that this small world reaches, and some more."""
    found = []
    for number, condition in enumerate(CONDITIONS):
        config: Row = {"alert_type": condition.alert_type, "cooldown_seconds": 2400}
        if condition.figure:
            least = FIGURES[condition.figure].least
            config |= {least: 2} if least else {}
            config |= {key: SMALL[key] for key in SMALL if key == condition.threshold}
        else:
            config |= CUSTOM | {"max_value": 250}
        key = f"{number:02} {condition.alert_type}"
        found.append((monitor_rule(key, condition.rule_type, config), condition))
    silence, score = (
        next(c for c in CONDITIONS if c.alert_type == name)
        for name in ("heartbeat_timeout", "health_score_low")
    )
    found += [
        (monitor_rule("one", "health_score", {}, account_id="a03"), score),
        (monitor_rule("rare", "heartbeat_check", {}, check_interval=3600), silence),
    ]
    return found


def test_alerts_are_raised_repeated_and_resolved_tick_by_tick(settings: Settings) -> None:
    rng = random.Random(11)
    world, rules = World(settings, rng, 14), small_rules()
    insert(settings, MONITOR, *(row for row, _ in rules))
    wanted: list[Row] = []
    done: dict[str, list[datetime]] = {row["id"]: [] for row, _ in rules}
    met: dict[str, int] = dict.fromkeys(done, 0)
    for tick in range(8):
        as_of = START + tick * 20 * MINUTE
        world.live(as_of)
        for rule, condition in rules:
            interval = rule["check_interval"] * SECOND
            if done[rule["id"]] and done[rule["id"]][-1] + interval > as_of:
                continue
            done[rule["id"]].append(as_of)
            met[rule["id"]] += expect(world, rule, condition, as_of, wanted)
        run(settings, as_of, batch_rows=4)
        assert told(rows(settings, ALERTS)) == sorted(
            tuple(alert[name] for name in TOLD) for alert in wanted
        )
        again = rows(settings, ALERTS)
        assert run(settings, as_of).changed == 0
        assert rows(settings, ALERTS) == again, "a second run at once changed something"
        work_on_some(settings, wanted, rng)
    statuses = [alert["status"] for alert in wanted]
    assert {"open", "acknowledged", "suppressed", "resolved"} == set(statuses)
    assert {alert["rule"] for alert in wanted} == set(done), "a rule never alerted"
    assert max(alert["count"] for alert in wanted) > 2
    pairs = [(alert["rule"], alert["account"]) for alert in wanted]
    assert len(set(pairs)) < len(pairs), "no account was alerted about twice"
    assert {row["id"]: (row["execution_count"], row["trigger_count"])
            for row in rows(settings, MONITOR)} == {
        key: (len(times), met[key]) for key, times in done.items()
    }  # fmt: skip


TOLD = ("rule", "account", "first", "last", "count", "status")


def told(found: Sequence[Row]) -> list[tuple[Any, ...]]:
    return sorted(
        (row["alert_data"]["rule_id"], row["account_id"], row["first_occurred_at"],
         row["last_occurred_at"], row["occurrence_count"], row["status"])
        for row in found
    )  # fmt: skip


def expect(
    world: World, rule: Row, condition: Condition, as_of: datetime, wanted: list[Row]
) -> bool:
    """Keep account of one evaluation; say whether the condition held for anybody."""
    config = rule["threshold_config"]
    figure = condition.figure or config["metric"]
    key = condition.threshold or "max_value"
    threshold = Fraction(str(config.get(key, condition.default)))
    window = config.get("window_minutes", 1440 if figure == "failed_logins" else 60)
    anybody = False
    for who in world.accounts:
        if rule["account_id"] not in (None, who):
            continue
        value = world.figure(figure, who, as_of, window)
        if value is None:
            continue
        mine = [a for a in wanted if (a["rule"], a["account"]) == (rule["id"], who)]
        unsettled = [a for a in mine if a["status"] != "resolved"]
        if value > threshold if key.startswith("max_") else value < threshold:
            anybody = True
            for alert in unsettled:
                alert.update(last=as_of, count=alert["count"] + 1)
            pause = config.get("cooldown_seconds", 0) * SECOND
            if not unsettled and all(a["first"] + pause <= as_of for a in mine):
                wanted.append({"rule": rule["id"], "account": who, "first": as_of, "last": as_of,
                               "count": 1, "status": "open"})  # fmt: skip
        else:
            for alert in unsettled:
                alert["status"] = "resolved"
    return anybody


def work_on_some(settings: Settings, wanted: list[Row], rng: random.Random) -> None:
    """Staff takes on some alerts, mutes others and closes a few."""
    alerts = table(settings, ALERTS)
    by_key = {
        (row["alert_data"]["rule_id"], row["account_id"], row["first_occurred_at"]): row["id"]
        for row in rows(settings, ALERTS)
    }
    for alert in wanted:
        if alert["status"] == "open" and rng.random() < 0.3:
            alert["status"] = rng.choice(("acknowledged", "suppressed", "resolved"))
            key = by_key[alert["rule"], alert["account"], alert["first"]]
            change(settings, ALERTS, alerts.c.id == key, status=alert["status"])


# --- the demo's accounts --------------------------------------------------------------------------


@pytest.mark.mysql
def test_both_engines_say_the_same_of_the_demo(demo: Demo) -> None:
    """Every rule of the sample and of the defaults is read, and some have something to say."""
    later = warehouses.AS_OF + 10 * MINUTE
    told = {
        engine: run(demo.on(engine), later, dry_run=True).notes for engine in ("embedded", "mysql")
    }
    assert told["embedded"] == told["mysql"]
    enabled = [
        row for row in demo.rows("embedded", "wework_platform", MONITOR) if row["is_enabled"]
    ]
    assert len(told["mysql"]) == len(enabled) >= 15
    assert not [note for note in told["mysql"] if "failed" in note]
    assert [note for note in told["mysql"] if "+0" not in note]


@pytest.mark.mysql
@pytest.mark.parametrize("name", FIGURES)
def test_a_tenant_s_figure_scans_no_partitioned_table(demo: Demo, name: str) -> None:
    tenant = demo.raw.rows(ACCOUNTS)[0]["tenant_id"]

    def work(settings: Settings) -> None:
        context = Context(
            metadata_of(settings), settings.database_prefix, settings.dialect, tenant,
            warehouses.AS_OF,
        )  # fmt: skip
        rule = parse({"field": name, "op": "gt", "value": 0}, "account")
        compiled = compile_for_accounts(rule, context, FIGURES[name].window_minutes, 1)
        with database.connect(settings) as connection:
            assert connection.execute(compiled.matching()).all() is not None

    read = [step for step in demo.plan_of(work) if step["partitions"]]
    windowed = ("success_rate_pct", "response_ms", "processing_ms", "callback_error_pct",
                "messages_left")  # fmt: skip
    assert len(read) == (name in windowed)
    for step in read:
        assert (step["partitions"], step["type"] in ("ref", "range")) == ("p202606", True), step
        assert step["key"], step


# --- what an alert says, and what cannot be read --------------------------------------------------


def test_an_alert_tells_what_was_seen_and_only_of_the_rules_tenant(settings: Settings) -> None:
    name = "长" * 90
    insert(settings, ACCOUNTS, account("a1", health_score=12, account_name=name), account("fine"),
           account("a2", health_score=12, tenant_id="tenant-2"))  # fmt: skip
    template = (
        "{value} < {threshold} ({rule_name}, {else}) {account_name}{account_name}{account_name}"
    )
    low = monitor_rule("low", "health_score", {"min_health_score": 59.5}, alert_level="critical")
    insert(settings, MONITOR, low | {"alert_template": template})
    dry = run(settings, START, dry_run=True)
    assert (dry.changed, dry.examined, rows(settings, ALERTS)) == (1, 2, [])
    assert run(settings, START).changed_by_tenant == {TENANT: 1}
    (alert,) = rows(settings, ALERTS)
    expected = {
        "tenant_id": TENANT, "account_id": "a1", "alert_type": "health_score_low",
        "alert_level": "critical", "status": "open", "first_occurred_at": START,
        "last_occurred_at": START, "occurrence_count": 1, "created_at": START,
        "alert_title": ("12 < 59.5 (Rule low, {else}) " + 3 * name)[:200],
        "alert_message": f"{name}: health_score 12, the threshold of Rule low is 59.5.",
        "alert_data": {"rule_id": "low", "figure": "health_score", "value": "12",
                       "threshold": "59.5"},
    }  # fmt: skip
    assert {name: alert[name] for name in expected} == expected
    (audit,) = rows(settings, "saas_unified_audit_logs")
    assert (audit["tenant_id"], audit["change_data"]["changed"]) == (TENANT, 1)


def test_open_alerts_that_no_rule_raised_stand_for_the_condition(settings: Settings) -> None:
    keys = ("app", "app-closed", "other-rule", "other-type")
    insert(settings, ACCOUNTS, *(account(key, health_score=12) for key in keys))
    insert(settings, MONITOR, monitor_rule("low", "health_score"))
    known = {"tenant_id": TENANT, "alert_type": "health_score_low", "status": "open",
             "first_occurred_at": START - DAY, "last_occurred_at": START - DAY}  # fmt: skip
    insert(settings, ALERTS,
           known | {"id": "1", "account_id": "app", "alert_data": {"value": 1}},
           known | {"id": "2", "account_id": "app-closed", "status": "resolved"},
           known | {"id": "3", "account_id": "other-rule", "alert_data": {"rule_id": "critical"}},
           known | {"id": "4", "account_id": "other-type", "alert_type": "custom"})  # fmt: skip
    run(settings, START)
    found = [row for row in rows(settings, ALERTS) if row["first_occurred_at"] == START]
    assert {row["account_id"] for row in found} == {"app-closed", "other-rule", "other-type"}
    change(settings, ACCOUNTS, health_score=99)
    run(settings, START + DAY)
    open_ = {row["id"] for row in rows(settings, ALERTS) if row["status"] == "open"}
    assert open_ == {"1", "3", "4"}, "an alert that others raised was closed"


FAULTY = {
    "key": ("health_score", {"min_score": 60},
            "threshold_config.min_score: expected alert_type or cooldown_seconds or "
            "min_health_score"),
    "text": ("health_score", {"min_health_score": "60"},
             "threshold_config.min_health_score: expected a number"),
    "none": ("health_score", {"min_health_score": None}, "threshold_config.min_health_score: "),
    "list": ("health_score", [60], "threshold_config: expected an object"),
    "type": ("health_score", {"alert_type": "custom"},
             "threshold_config.alert_type: health_score rules raise health_score_low, not 'cus"),
    "window": ("response_time", {"window_minutes": 0},
               "threshold_config.window_minutes: expected a whole number, 1 to 10080"),
    "cooldown": ("health_score", {"cooldown_seconds": -1},
                 "threshold_config.cooldown_seconds: expected a whole number, 0 to 2592000"),
    "metric": ("custom_metric", {"metric": "id", "max_value": 1},
               "threshold_config.metric: no figure 'id'; there are silence_seconds, "),
    "sides": ("custom_metric", {"metric": "errors", "max_value": 1, "min_value": 0},
              "threshold_config: expected either max_value or min_value"),
}  # fmt: skip


def test_a_rule_with_a_fault_touches_nobody_and_the_others_go_on(settings: Settings) -> None:
    insert(settings, ACCOUNTS, account("a1", health_score=12))
    insert(settings, MONITOR,
           *(monitor_rule(key, kind, config) for key, (kind, config, _) in FAULTY.items()),
           monitor_rule("off", "health_score", is_enabled=False),
           monitor_rule("good", "health_score"))  # fmt: skip
    report = run(settings, START)
    assert [a["alert_data"]["rule_id"] for a in rows(settings, ALERTS)] == ["good"]
    notes = {note.split("(")[1].split(")")[0]: note for note in report.notes}
    for key, (_, _, words) in FAULTY.items():
        assert f"Rule {key} ({key}) failed: {words}" in notes[key]
    executed = {r["id"] for r in rows(settings, MONITOR) if r["last_executed_at"]}
    assert executed == {"good"}


def test_the_table_names_every_type_and_every_figure_is_made() -> None:
    columns = load_record().table(MONITOR), load_record().table(ALERTS)
    assert {c.rule_type for c in CONDITIONS} == set(columns[0].column("rule_type").enum_values)
    assert {c.alert_type for c in CONDITIONS} == set(columns[1].column("alert_type").enum_values)
    assert tuple(FIGURES) == ACCOUNT_FIGURES
    for condition in CONDITIONS:
        assert (condition.figure in FIGURES) == bool(condition.figure)
        assert condition.threshold[:4] in ("max_", "min_", "")
    page = MONITOR_FILE.read_text(encoding="utf-8")
    assert page == monitor_rules_page(), "run `warehouse rule schema`"


@pytest.mark.parametrize(
    ("interval", "last", "due"),
    [
        (300, None, True),
        (300, START - timedelta(seconds=300), True),
        (300, START - timedelta(seconds=299), False),
        (None, START, True),
    ],
)
def test_a_rule_is_due_after_its_interval(
    interval: int | None, last: datetime | None, due: bool
) -> None:
    assert is_due(interval, last, START) is due


def test_the_shipped_and_the_sample_s_rules_are_read() -> None:
    shipped = (DEFAULTS / f"{MONITOR}.csv").open(encoding="utf-8")
    told = [(row["rule_type"], row["threshold_config"]) for row in csv.DictReader(shipped)]
    told += [(kind, json.dumps(config)) for kind, config in RULES]
    for kind, config in told:
        rule = monitor_rule("r", kind) | {"threshold_config": config}
        assert read_rule(rule).cooldown > timedelta(0)
        with pytest.raises(RuleFault, match=r"threshold_config\.unknown: expected"):
            read_rule(rule | {"threshold_config": json.dumps(json.loads(config) | {"unknown": 1})})
