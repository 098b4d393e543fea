"""The health domain's operations: alerts by rule over the newest vital signs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration.operations.alerting import (
    Alerts,
    Reading,
    Watch,
    context_of,
    enabled_rules,
    evaluate,
    json_object,
    whole_number,
)
from orchestration.operations.running import Run
from orchestration.rules.compile import compile_for_patients
from orchestration.rules.grammar import Checked, RuleFault, parse
from orchestration.schema.record import load_record

# A reading older than this says nothing about today, unless evaluation_window says how many days.
WINDOW_DAYS, LONGEST_WINDOW_DAYS = 30, 365
# How many readings in a row a trend needs, unless evaluation_window says so.
TREND_READINGS, MOST_READINGS = 3, 30
EVALUATED = ("threshold", "combination", "trend")
UNSETTLED = ("open", "acknowledged", "in_progress")
# What staff works on is theirs to close.
ENDED_BY_RULE = ("open", "acknowledged")
# Rows committed a little after the moment that they carry.
SLACK = timedelta(minutes=1)
# Readings taken longer ago are seen, like all else that no tick asks for, within UNASKED.
LATE, UNASKED = timedelta(days=2), timedelta(hours=1)
URGENCY = {"emergency": "immediate", "critical": "urgent"}
_IDS = uuid.UUID("4c0c7a53-6e5b-5b58-8f0a-2b1f6c1f7d20")


@dataclass(frozen=True)
class AlertRule:
    """A rule of the tenant's, read and checked."""

    id: str
    tenant_id: str
    name: str
    level: str
    rule: Checked
    alert_type: str
    readings: int
    days: int
    cooldown: timedelta
    patients: frozenset[str] | None


def evaluate_health_alert_rules(run: Run) -> None:
    """Raise and resolve alerts by every enabled rule; one with a fault raises nothing."""
    evaluate(run, WATCH, rules_by_priority(run))


def rules_by_priority(run: Run) -> list[dict[str, Any]]:
    """The enabled rules."""
    return enabled_rules(run, WATCH.rules, "priority")


def anything_new(run: Run) -> bool:
    """Whether a rule could say anything else than when it was evaluated last.

    There may be new readings, a rule that was changed, or a cooldown that ended. What no query
    finds cheaply (an old alert that staff settled, readings that came late) waits for UNASKED. A
    rule with a fault finds nothing.
    """
    rules: dict[str, AlertRule] = {}
    seen: dict[str, datetime] = {}
    for row in rules_by_priority(run):
        with suppress(RuleFault):
            rule, last = read_rule(row), row["last_executed_at"]
            if last is None or row["updated_at"] > last or last + UNASKED <= run.as_of:
                return True
            rules[rule.id], seen[rule.id] = rule, last
    if not rules:
        return False
    with run.read() as connection:
        return _has_readings(run, connection, rules, min(seen.values())) or any(
            seen[key] < triggered_at + rules[key].cooldown <= run.as_of
            for key, triggered_at in _settled(run, connection, rules, seen)
        )


def _has_readings(
    run: Run, connection: sa.Connection, rules: Mapping[str, AlertRule], last: datetime
) -> bool:
    signs = run.table("health_vital_signs")
    new = sa.or_(signs.c.created_at >= last - SLACK, signs.c.measured_at > last)
    asked = sa.select(signs.c.id).where(
        signs.c.tenant_id.in_({rule.tenant_id for rule in rules.values()}),
        signs.c.measured_at > last - LATE,
        signs.c.measured_at <= run.as_of,
        new,
    )
    return connection.scalar(asked.limit(1)) is not None


def _settled(
    run: Run,
    connection: sa.Connection,
    rules: Mapping[str, AlertRule],
    seen: Mapping[str, datetime],
) -> list[tuple[str, datetime]]:
    """Rule and time of settled alerts whose cooldown may have ended since."""
    alerts = run.table("health_alerts")
    asked = sa.select(alerts.c.trigger_rule_id, alerts.c.triggered_at).where(
        alerts.c.trigger_rule_id.in_(rules),
        alerts.c.status.not_in(UNSETTLED),
        alerts.c.triggered_at > min(seen[key] - rule.cooldown for key, rule in rules.items()),
    )
    return [(row.trigger_rule_id, row.triggered_at) for row in connection.execute(asked)]


def read_rule(row: Mapping[str, Any]) -> AlertRule:
    """Check all of a rule's JSON; RuleFault names the column and the path of the fault."""
    if row["rule_type"] not in EVALUATED:
        raise RuleFault([("rule_type", f"{row['rule_type']} rules are not evaluated")])
    rule = parse(row["rule_conditions"], "patient")
    window = json_object(row, "evaluation_window", ("readings", "days"))
    trend = row["rule_type"] == "trend"
    readings = whole_number(
        window, "evaluation_window.readings", TREND_READINGS if trend else 1, MOST_READINGS
    )
    alert_type = json_object(row, "threshold_config").get("alert_type", "vital_signs_abnormal")
    column = load_record().table("health_alerts").column("alert_type")
    if alert_type not in column.enum_values:
        raise RuleFault([("threshold_config.alert_type", f"no alert type {alert_type!r}")])
    return AlertRule(
        row["id"],
        row["tenant_id"],
        row["rule_name"],
        row["alert_level"],
        rule,
        alert_type,
        readings if trend else 1,
        whole_number(window, "evaluation_window.days", WINDOW_DAYS, LONGEST_WINDOW_DAYS),
        timedelta(seconds=row["cooldown_period"] or 0),
        _patients(row),
    )


def _patients(row: Mapping[str, Any]) -> frozenset[str] | None:
    """Whom the rule covers; None is everybody."""
    criteria = json_object(row, "target_criteria", ("patient_ids",))
    if row["target_type"] == "all_patients" or not criteria:
        return None
    listed = criteria["patient_ids"]
    if not isinstance(listed, list) or not all(isinstance(i, str) for i in listed):
        raise RuleFault([("target_criteria.patient_ids", "expected a list of ids")])
    return frozenset(listed)


def _look(run: Run, rule: AlertRule) -> tuple[dict[str, list[Reading]], dict[str, Alerts]]:
    """The newest readings, newest first, and this rule's alerts, both by patient."""
    context = context_of(run, rule.tenant_id)
    since = run.as_of - timedelta(days=rule.days)
    compiled = compile_for_patients(rule.rule, context, since, rule.readings)
    shown = [name for name in compiled.columns if name not in ("measured_at", "newest")]
    asked = (
        sa.select(
            compiled.subject_id,
            compiled.columns["measured_at"],
            sa.case((compiled.condition, 1), else_=0),
            *(compiled.columns[name] for name in shown),
        )
        .select_from(compiled.source)
        .where(compiled.of_tenant)
        .order_by(compiled.subject_id, compiled.columns["newest"])
    )
    alerts = run.table("health_alerts")
    raised = (
        sa.select(alerts.c.patient_id, alerts.c.id, alerts.c.status, alerts.c.triggered_at)
        .where(alerts.c.tenant_id == rule.tenant_id, alerts.c.trigger_rule_id == rule.id)
        .order_by(alerts.c.patient_id, alerts.c.id)
    )
    readings: dict[str, list[Reading]] = {}
    found: dict[str, Alerts] = {}
    with run.read() as connection:
        for patient, at, meets, *values in connection.execute(asked):
            if rule.patients is None or patient in rule.patients:
                reading = Reading(at, bool(meets), dict(zip(shown, values, strict=True)))
                readings.setdefault(patient, []).append(reading)
        for patient, key, status, at in connection.execute(raised):
            before = found.get(patient, Alerts(at))
            found[patient] = Alerts(
                max(before.latest, at),
                before.unsettled or status in UNSETTLED,
                before.resolvable + ((key,) if status in ENDED_BY_RULE else ()),
            )
    return readings, found


def _tell(run: Run, rule: AlertRule, patient: str, reading: Reading) -> dict[str, Any]:
    values = {k: None if v is None else str(v) for k, v in reading.values.items()}
    said = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
    return {
        "id": str(uuid.uuid5(_IDS, f"{rule.id}/{patient}/{run.as_of}")),
        "tenant_id": rule.tenant_id,
        "patient_id": patient,
        "alert_type": rule.alert_type,
        "alert_level": rule.level,
        "alert_title": rule.name,
        "alert_message": f"{rule.name}: {said} at {reading.measured_at}.",
        "alert_data": {"readings": values, "measured_at": str(reading.measured_at)},
        "trigger_source": "rule",
        "trigger_rule_id": rule.id,
        "urgency_level": URGENCY.get(rule.level, "routine"),
        "status": "open",
        "triggered_at": run.as_of,
        "created_at": run.as_of,
        "updated_at": run.as_of,
    }


WATCH = Watch("health_alert_rules", "health_alerts", ENDED_BY_RULE, read_rule, _look, _tell)
