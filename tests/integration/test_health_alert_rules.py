"""Alerts by rule over vital signs, tick by tick, against a plain Python account of each patient."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

import pytest
import sqlalchemy as sa
from oracles.rules import Subject, holds

from orchestration import database
from orchestration.operations.alerting import Alerts, Reading, Verdict, decide
from orchestration.operations.health import AlertRule, read_rule
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, has_work, run_operation
from orchestration.rules.grammar import RuleFault
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.reference_data import DEFAULTS
from orchestration.settings import Settings

Row = dict[str, Any]
START = datetime(2026, 6, 30, 0, 0)
HOUR = timedelta(hours=1)
TENANT, OTHER = "tenant-1", "tenant-2"
(EVALUATE,) = (o for o in OPERATIONS if o.name == "evaluate_health_alert_rules")
SIGNS = ("systolic_pressure", "diastolic_pressure", "heart_rate", "body_temperature",
         "oxygen_saturation", "weight", "blood_glucose", "glucose_measurement_time")  # fmt: skip
POOLS: dict[str, tuple[Any, ...]] = {
    "systolic_pressure": (89, 90, 120, 139, 140, None),
    "diastolic_pressure": (59, 60, 80, 89, 90, None),
    "heart_rate": (60, 119, 120, 121, None),
    "body_temperature": (Decimal("38.4"), Decimal("38.5"), None),
    "oxygen_saturation": (Decimal("89.99"), Decimal("90.00"), None),
    "weight": (Decimal("60.00"), Decimal("63.00"), Decimal("62.99"), Decimal("57.00"), None),
    "blood_glucose": (Decimal("6.99"), Decimal("7.00"), Decimal("11.10"), None),
    "glucose_measurement_time": ("fasting", "random", None),
}


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    """The health tables and the audit trail, empty."""
    settings = replace(engine_settings, domains=("core", "health"))
    metadata = metadata_of(settings)
    wanted = [
        table
        for table in metadata.sorted_tables
        if str(table.schema).endswith("health_management") or table.name.endswith("audit_logs")
    ]
    with database.begin(settings) as connection:
        for schema in sorted({str(table.schema) for table in wanted}):
            kind = "database" if settings.is_mysql else "schema"
            connection.exec_driver_sql(f"create {kind} {schema}")
        metadata.create_all(connection, tables=wanted, checkfirst=False)
    return settings


def table(settings: Settings, name: str) -> sa.Table:
    return table_named(metadata_of(settings), name)


def insert(settings: Settings, name: str, *rows: Row) -> None:
    with database.begin(settings) as connection:
        connection.execute(table(settings, name).insert(), list(rows))


def rows(settings: Settings, name: str) -> list[Row]:
    with database.connect(settings) as connection:
        return [dict(r) for r in connection.execute(sa.select(table(settings, name))).mappings()]


def add_patients(settings: Settings, *keys: str, tenant: str = TENANT, **more: Any) -> None:
    insert(
        settings,
        "health_patients",
        *(
            {"id": key, "tenant_id": tenant, "patient_code": key, "name": key, "gender": "other",
             "birth_date": START.date()} | more
            for key in keys
        ),
    )  # fmt: skip


def signs(key: str, patient: str, at: datetime, **values: Any) -> Row:
    known: Row = {"id": key, "tenant_id": TENANT, "patient_id": patient, "measured_at": at,
                  "created_at": at}  # fmt: skip
    return known | dict.fromkeys(SIGNS) | values


def alert_rule(key: str, conditions: Any, **more: Any) -> Row:
    return {"id": key, "tenant_id": TENANT, "rule_name": f"Rule {key}", "rule_type": "threshold",
            "target_type": "all_patients", "rule_conditions": conditions, "alert_level": "error",
            "threshold_config": {"alert_type": "custom"}, "cooldown_period": 3600,
            "is_enabled": True, "target_criteria": None, "evaluation_window": None,
            **more}  # fmt: skip


def run(settings: Settings, as_of: datetime, **options: Any) -> Report:
    return run_operation(EVALUATE, replace(settings, as_of=as_of), **options)


def shipped() -> list[Row]:
    with (DEFAULTS / "health_alert_rules.csv").open(encoding="utf-8") as file:
        return [
            alert_rule(
                row["id"],
                json.loads(row["rule_conditions"]),
                rule_type=row["rule_type"],
                threshold_config=json.loads(row["threshold_config"]),
                cooldown_period=int(row["cooldown_period"]),
                alert_level=row["alert_level"],
            )
            for row in csv.DictReader(file)
        ]


class Account:
    """What the alerts of every patient must be, kept reading by reading."""

    def __init__(self, taken: Sequence[Row]) -> None:
        self.taken = sorted(taken, key=lambda r: (r["measured_at"], r["created_at"], r["id"]))
        self.alerts: list[Row] = []

    def readings(self, patient: str, as_of: datetime) -> list[Row]:
        """Newest first, with the change of weight against the weighing before."""
        found, weight = [], None
        for row in self.taken:
            if row["patient_id"] != patient or row["measured_at"] > as_of:
                continue
            change = None
            if row["weight"] is not None:
                if weight is not None:
                    exact = Fraction(row["weight"] - weight) * 100 / Fraction(weight)
                    hundredths = (exact * 100 + Fraction(1, 2)).__floor__()
                    change = Decimal(hundredths) / 100
                weight = row["weight"]
            found.append(row | {"weight_change_pct": change})
        return found[::-1]

    def tick(self, rules: Sequence[Row], patients: Sequence[str], as_of: datetime) -> None:
        for rule in rules:
            trend = rule["rule_type"] == "trend"
            needed = (rule["evaluation_window"] or {}).get("readings", 3) if trend else 1
            for patient in patients:
                criteria = rule["target_criteria"]
                if criteria and patient not in criteria["patient_ids"]:
                    continue
                newest = self.readings(patient, as_of)[:needed]
                if not newest or newest[0]["measured_at"] <= as_of - timedelta(days=30):
                    continue
                met = [holds(rule["rule_conditions"], Subject(r), as_of) for r in newest]
                mine = [
                    a for a in self.alerts if (a["rule"], a["patient"]) == (rule["id"], patient)
                ]
                unsettled = [
                    a for a in mine if a["status"] in ("open", "acknowledged", "in_progress")
                ]
                if len(met) == needed and all(met):
                    last = max((a["at"] for a in mine), default=datetime.min)
                    silent = mine and as_of < last + timedelta(seconds=rule["cooldown_period"])
                    if not unsettled and not silent and newest[0]["measured_at"] > last:
                        self.alerts.append({"rule": rule["id"], "patient": patient, "at": as_of,
                                            "status": "open", "resolved": None})  # fmt: skip
                elif not met[0]:
                    for alert in unsettled:
                        if alert["status"] != "in_progress":
                            alert.update(status="resolved", resolved=as_of)


def test_alerts_are_raised_and_resolved_tick_by_tick(settings: Settings) -> None:
    rng = random.Random(7)
    patients = [f"p{n:02}" for n in range(24)]
    taken = []
    for number in range(240):
        at = START + timedelta(minutes=30 * rng.randint(-20, 20))
        taken.append(
            signs(f"s{number:03}", rng.choice(patients), at)
            | {name: rng.choice(values) for name, values in POOLS.items()}
            | {"created_at": at + timedelta(minutes=rng.randint(0, 1))}
        )
    fast = {"field": "heart_rate", "op": "gte", "value": 119}
    rules = [
        *shipped(),
        alert_rule("trend", fast, rule_type="trend", cooldown_period=0),
        alert_rule("pair", fast, rule_type="trend", evaluation_window={"readings": 2}),
        alert_rule("some", {"not": fast}, target_type="specific_patient",
                   target_criteria={"patient_ids": patients[:9]}),
    ]  # fmt: skip
    add_patients(settings, *patients)
    insert(settings, "health_vital_signs", *taken)
    insert(settings, "health_alert_rules", *rules)
    account = Account(taken)
    statuses = []
    for tick in range(8):
        as_of = START + (tick - 1) * HOUR
        account.tick(rules, patients, as_of)
        before = len(rows(settings, "health_alerts"))
        report = run(settings, as_of, batch_rows=5)
        found = {
            (
                a["trigger_rule_id"],
                a["patient_id"],
                a["triggered_at"],
                a["status"],
                a["resolved_at"],
            )
            for a in rows(settings, "health_alerts")
        }
        assert found == {
            (a["rule"], a["patient"], a["at"], a["status"], a["resolved"]) for a in account.alerts
        }
        assert len(rows(settings, "health_alerts")) == len(account.alerts) >= before
        assert run(settings, as_of).changed == 0, "a second run at once changed something"
        statuses.append(report.changed)
        work_on_some(settings, account, rng)
    kinds = {status: sum(a["status"] == status for a in account.alerts)
             for status in ("open", "resolved", "in_progress", "false_positive")}  # fmt: skip
    assert min(kinds.values()) > 0 and min(statuses) > 0, (kinds, statuses)
    counts = {r["id"]: (r["execution_count"], r["trigger_count"]) for r in
              rows(settings, "health_alert_rules")}  # fmt: skip
    for rule in rules:
        fired = {a["at"] for a in account.alerts if a["rule"] == rule["id"]}
        assert counts[rule["id"]] == (8, len(fired)), rule["id"]
    again = [a for a in account.alerts if a["rule"] == "some"]
    assert len(again) > len({a["patient"] for a in again}), "nobody was alerted about twice"


def test_a_tick_is_due_only_when_a_rule_could_say_something_new(settings: Settings) -> None:
    """Five minutes apart; whenever none is due, a run indeed changes nothing."""
    minute = timedelta(minutes=1)
    fast = {"field": "heart_rate", "op": "gt", "value": 120}
    add_patients(settings, "p1")
    faulty = alert_rule("faulty", {"field": "heartrate", "op": "gt", "value": 1})
    insert(settings, "health_alert_rules", faulty)
    alerts, alert_rules = table(settings, "health_alerts"), table(settings, "health_alert_rules")

    def is_due(at: datetime) -> bool:
        due = has_work(EVALUATE, replace(settings, as_of=at))
        changed = run(settings, at).changed
        assert due or not changed
        return due

    def write(change: sa.Update) -> None:
        with database.begin(settings) as connection:
            connection.execute(change)

    assert not is_due(START), "the only rule has a fault"
    cool = 20 * minute
    insert(settings, "health_alert_rules", alert_rule("fast", fast, cooldown_period=20 * 60))
    assert is_due(START), "a new rule"
    assert not is_due(START + 5 * minute)
    seen = START + 8 * minute
    late = signs("s1", "p1", seen - HOUR, heart_rate=130) | {"created_at": seen}
    insert(settings, "health_vital_signs", late)
    assert is_due(START + 10 * minute), "a reading, though taken an hour ago"
    assert not is_due(START + 15 * minute)
    coming = signs("s2", "p1", START + 22 * minute, heart_rate=130) | {"created_at": START}
    insert(settings, "health_vital_signs", coming)
    assert not is_due(START + 20 * minute)
    assert is_due(START + 25 * minute), "a reading whose time has come"
    settled = alerts.update().values(status="false_positive", updated_at=START + 26 * minute)
    write(settled)
    [raised] = rows(settings, "health_alerts")
    assert raised["triggered_at"] + cool == START + 30 * minute
    assert is_due(START + 30 * minute), "the cooldown's end"
    assert len(rows(settings, "health_alerts")) == 2
    assert not is_due(START + 35 * minute)
    write(alert_rules.update().values(updated_at=START + 36 * minute))
    assert is_due(START + 40 * minute), "a rule that was changed"
    ticks = [START + (40 + 5 * n) * minute for n in range(1, 13)]
    due = [at for at in ticks if has_work(EVALUATE, replace(settings, as_of=at))]
    assert due == [ticks[-1]], "in any case after an hour"


def work_on_some(settings: Settings, account: Account, rng: random.Random) -> None:
    """Staff takes on some alerts and finds others false."""
    alerts = table(settings, "health_alerts")
    for alert in account.alerts:
        if alert["status"] == "open" and rng.random() < 0.3:
            alert["status"] = rng.choice(("acknowledged", "in_progress", "false_positive"))
            change = alerts.update().where(
                alerts.c.trigger_rule_id == alert["rule"],
                alerts.c.patient_id == alert["patient"],
                alerts.c.triggered_at == alert["at"],
            )
            with database.begin(settings) as connection:
                connection.execute(change.values(status=alert["status"]))


def test_an_alert_tells_what_was_read_and_only_of_the_rules_tenant(settings: Settings) -> None:
    add_patients(settings, "p1", "gone", "old")
    add_patients(settings, "p2", tenant=OTHER)
    with database.begin(settings) as connection:
        patients = table(settings, "health_patients")
        connection.execute(
            patients.update().where(patients.c.id == "gone").values(status="deceased")
        )
    insert(
        settings,
        "health_vital_signs",
        signs("s1", "p1", START - HOUR, heart_rate=130, weight=Decimal("60.00")),
        signs("s2", "p2", START - HOUR, heart_rate=130) | {"tenant_id": OTHER},
        signs("s3", "gone", START - HOUR, heart_rate=130),
        signs("s4", "old", START - timedelta(days=30), heart_rate=130),
        signs("s5", "p1", START + HOUR, heart_rate=60),
    )
    fast = {"any": [{"field": "heart_rate", "op": "gt", "value": 120},
                    {"field": "weight_change_pct", "op": "gte", "value": 5}]}  # fmt: skip
    insert(settings, "health_alert_rules", alert_rule("fast", fast, alert_level="critical"))
    before = rows(settings, "health_alerts")
    dry = run(settings, START, dry_run=True)
    assert (dry.changed, rows(settings, "health_alerts")) == (1, before)
    assert run(settings, START).changed_by_tenant == {TENANT: 1}
    (alert,) = rows(settings, "health_alerts")
    told = {"tenant_id": TENANT, "patient_id": "p1", "alert_type": "custom",
            "alert_level": "critical", "alert_title": "Rule fast", "trigger_source": "rule",
            "urgency_level": "urgent", "status": "open", "triggered_at": START,
            "alert_message": "Rule fast: heart_rate 130 at 2026-06-29 23:00:00.",
            "alert_data": {"readings": {"heart_rate": "130", "weight_change_pct": None},
                           "measured_at": "2026-06-29 23:00:00"}}  # fmt: skip
    assert {name: alert[name] for name in told} == told
    (audit,) = rows(settings, "saas_unified_audit_logs")
    assert (audit["tenant_id"], audit["change_data"]["changed"]) == (TENANT, 1)


def test_a_rule_with_a_fault_raises_nothing_and_the_others_go_on(settings: Settings) -> None:
    add_patients(settings, "p1")
    insert(settings, "health_vital_signs", signs("s1", "p1", START, heart_rate=130))
    fast = {"field": "heart_rate", "op": "gt", "value": 120}
    insert(
        settings,
        "health_alert_rules",
        alert_rule("field", {"field": "heartrate", "op": "gt", "value": 120}),
        alert_rule("type", fast, threshold_config={"alert_type": "panic"}),
        alert_rule("window", fast, evaluation_window={"days": 0}),
        alert_rule("group", fast, target_type="patient_group", target_criteria={"group": "a"}),
        alert_rule("model", fast, rule_type="ai_model"),
        alert_rule("off", fast, is_enabled=False),
        alert_rule("good", fast),
    )
    report = run(settings, START)
    assert [a["trigger_rule_id"] for a in rows(settings, "health_alerts")] == ["good"]
    notes = "\n".join(report.notes)
    for words in ("rule.field: no field 'heartrate' of a patient; did you mean heart_rate?",
                  "threshold_config.alert_type: no alert type 'panic'",
                  "evaluation_window.days: expected a whole number, 1 to 365",
                  "target_criteria.group: expected patient_ids",
                  "rule_type: ai_model rules are not evaluated"):  # fmt: skip
        assert words in notes
    executed = {r["id"]: r["last_executed_at"] for r in rows(settings, "health_alert_rules")}
    assert {key for key, at in executed.items() if at} == {"good"}


@pytest.mark.parametrize(
    ("latest", "measured", "raises"),
    [
        (START - 2 * HOUR, START, True),
        (START - HOUR, START, True),
        (START - HOUR + timedelta(seconds=1), START, False),
        (START - 2 * HOUR, START - 2 * HOUR, False),
    ],
)
def test_both_sides_of_the_cooldown(latest: datetime, measured: datetime, raises: bool) -> None:
    reading = Reading(measured, meets=True)
    verdict = decide({"p": [reading]}, {"p": Alerts(latest)}, START, cooldown=HOUR, needed=1)
    assert verdict == Verdict((("p", reading),) if raises else (), ())


def test_a_trend_of_too_few_readings_neither_raises_nor_resolves() -> None:
    readings = {"p": [Reading(START, True), Reading(START - HOUR, True)]}
    known = {"p": Alerts(START - 9 * HOUR, unsettled=True, resolvable=("a",))}
    for alerts in ({}, known):
        assert decide(readings, alerts, START, cooldown=HOUR, needed=3) == Verdict((), ())


@pytest.mark.parametrize("row", shipped(), ids=lambda row: row["threshold_config"]["alert_type"])
def test_the_shipped_rules_are_read(row: Row) -> None:
    texts = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()}
    assert isinstance(read_rule(texts), AlertRule)
    with pytest.raises(RuleFault, match="rule: there is none"):
        read_rule(texts | {"rule_conditions": "null"})


def test_changes_of_weight_are_rounded_half_up_alike(settings: Settings) -> None:
    """Pairs whose change lies on a half hundredth of a percent, on either side, and below zero."""
    pairs = [("80.00", "84.00"), ("80.00", "76.00"), ("80.00", "80.01"), ("80.00", "79.99"),
             ("160.00", "160.01"), ("60.00", "60.05"), ("61.37", "64.44"), ("999.99", "0.01"),
             ("0.01", "999.99")]  # fmt: skip
    add_patients(settings, *(f"p{n}" for n in range(len(pairs))))
    taken = []
    for n, (first, second) in enumerate(pairs):
        taken += [signs(f"a{n}", f"p{n}", START - HOUR, weight=Decimal(first)),
                  signs(f"b{n}", f"p{n}", START, weight=Decimal(second))]  # fmt: skip
    insert(settings, "health_vital_signs", *taken)
    anything = {"field": "weight_change_pct", "op": "is_null", "value": False}
    insert(settings, "health_alert_rules", alert_rule("any", anything))
    run(settings, START)
    read = {
        a["patient_id"]: Decimal(a["alert_data"]["readings"]["weight_change_pct"])
        for a in rows(settings, "health_alerts")
    }
    account = Account(taken)
    for n in range(len(pairs)):
        wanted = account.readings(f"p{n}", START)[0]["weight_change_pct"]
        assert read[f"p{n}"] == wanted
    assert read["p4"].quantize(Decimal("0.01"), ROUND_FLOOR) == Decimal("0.01")
