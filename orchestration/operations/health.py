"""The health domain's operations: alerts by rule over the newest vital signs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration.operations.running import Run
from orchestration.rules.compile import compile_for_patients
from orchestration.rules.context import Context
from orchestration.rules.grammar import Checked, RuleFault, parse
from orchestration.schema.metadata import metadata_of
from orchestration.schema.record import load_record

# A reading older than this says nothing about today, unless evaluation_window says how many days.
WINDOW_DAYS, LONGEST_WINDOW_DAYS = 30, 365
# How many readings in a row a trend needs, unless evaluation_window says so.
TREND_READINGS, MOST_READINGS = 3, 30
EVALUATED = ("threshold", "combination", "trend")
UNSETTLED = ("open", "acknowledged", "in_progress")
# What staff works on is theirs to close.
ENDED_BY_RULE = ("open", "acknowledged")
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


@dataclass(frozen=True)
class Reading:
    """A set of signs: when it was taken, whether the condition holds, and what was read."""

    measured_at: datetime
    meets: bool
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alerts:
    """A patient's alerts by one rule: the latest's time, and those that may be resolved."""

    latest: datetime
    unsettled: bool = False
    resolvable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Patients to alert about, with the reading that gave cause; and alerts that have ended."""

    raised: tuple[tuple[str, Reading], ...]
    resolved: tuple[str, ...]


def decide(
    readings: Mapping[str, Sequence[Reading]],
    alerts: Mapping[str, Alerts],
    as_of: datetime,
    *,
    cooldown: timedelta,
    needed: int,
) -> Verdict:
    """`readings` come newest first. The condition must hold in all the `needed` newest.

    One alert at a time; silent for the cooldown after it, and until there is a newer reading.
    """
    raised, resolved = [], []
    for patient, taken in sorted(readings.items()):
        known = alerts.get(patient)
        holds = len(taken) >= needed and all(r.meets for r in taken[:needed])
        if not holds:
            # One good reading ends it; too few readings say nothing.
            if known and not taken[0].meets:
                resolved += known.resolvable
        elif known is None or (
            not known.unsettled
            and known.latest + cooldown <= as_of
            and taken[0].measured_at > known.latest
        ):
            raised.append((patient, taken[0]))
    return Verdict(tuple(raised), tuple(sorted(resolved)))


def evaluate_health_alert_rules(run: Run) -> None:
    """Raise and resolve alerts by every enabled rule; one with a fault raises nothing."""
    for row in _enabled(run):
        name = f"rule {row['rule_name']} ({row['id']})"
        try:
            rule = read_rule(row)
            readings, alerts = _look(run, rule)
        except RuleFault as fault:
            run.notes.append(f"{name} failed: {fault.message}")
            continue
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            run.notes.append(f"{name} failed: {error.orig}")
            continue
        verdict = decide(readings, alerts, run.as_of, cooldown=rule.cooldown, needed=rule.readings)
        run.examined += len(readings)
        run.change(rule.tenant_id, verdict.raised, partial(_raise, run, rule))
        run.change(rule.tenant_id, verdict.resolved, partial(_resolve, run))
        run.stamp((len(verdict.raised),), partial(_stamp, run, rule.id))
        run.notes.append(f"{name}: +{len(verdict.raised):,} -{len(verdict.resolved):,}")


def read_rule(row: Mapping[str, Any]) -> AlertRule:
    """Check all of a rule's JSON; RuleFault names the column and the path of the fault."""
    if row["rule_type"] not in EVALUATED:
        raise RuleFault([("rule_type", f"{row['rule_type']} rules are not evaluated")])
    rule = parse(row["rule_conditions"], "patient")
    window = _object(row, "evaluation_window", ("readings", "days"))
    trend = row["rule_type"] == "trend"
    readings = _whole(window, "readings", TREND_READINGS if trend else 1, MOST_READINGS)
    alert_type = _object(row, "threshold_config").get("alert_type", "vital_signs_abnormal")
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
        _whole(window, "days", WINDOW_DAYS, LONGEST_WINDOW_DAYS),
        timedelta(seconds=row["cooldown_period"] or 0),
        _patients(row),
    )


def _object(
    row: Mapping[str, Any], column: str, keys: Sequence[str] | None = None
) -> dict[str, Any]:
    value = json.loads(row[column]) if row[column] else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RuleFault([(column, "expected an object")])
    for key in value:
        if keys is not None and key not in keys:
            raise RuleFault([(f"{column}.{key}", f"expected {' or '.join(keys)}")])
    return value


def _whole(window: Mapping[str, Any], key: str, default: int, most: int) -> int:
    value = window.get(key, default)
    if type(value) is not int or not 1 <= value <= most:
        raise RuleFault([(f"evaluation_window.{key}", f"expected a whole number, 1 to {most}")])
    return value


def _patients(row: Mapping[str, Any]) -> frozenset[str] | None:
    """Whom the rule covers; None is everybody."""
    criteria = _object(row, "target_criteria", ("patient_ids",))
    if row["target_type"] == "all_patients" or not criteria:
        return None
    listed = criteria["patient_ids"]
    if not isinstance(listed, list) or not all(isinstance(i, str) for i in listed):
        raise RuleFault([("target_criteria.patient_ids", "expected a list of ids")])
    return frozenset(listed)


def _enabled(run: Run) -> list[dict[str, Any]]:
    rules = run.table("health_alert_rules")
    columns = [sa.type_coerce(c, sa.Text) if isinstance(c.type, sa.JSON) else c for c in rules.c]
    wanted = (
        sa.select(*(c.label(o.name) for c, o in zip(columns, rules.c, strict=True)))
        .where(rules.c.is_enabled == sa.true())
        .order_by(rules.c.tenant_id, rules.c.priority, rules.c.id)
    )
    with run.read() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]


def _look(run: Run, rule: AlertRule) -> tuple[dict[str, list[Reading]], dict[str, Alerts]]:
    """The newest readings, newest first, and this rule's alerts, both by patient."""
    settings = run.settings
    context = Context(
        metadata_of(settings),
        settings.database_prefix,
        settings.dialect,
        rule.tenant_id,
        run.as_of,
    )
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


def _raise(
    run: Run, rule: AlertRule, connection: sa.Connection, raised: Sequence[tuple[str, Reading]]
) -> int:
    alerts = run.table("health_alerts")
    rows = []
    for patient, reading in raised:
        values = {k: None if v is None else str(v) for k, v in reading.values.items()}
        said = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
        rows.append(
            {
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
        )
    connection.execute(alerts.insert(), rows)
    return len(rows)


def _resolve(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    alerts = run.table("health_alerts")
    change = alerts.update().where(alerts.c.id.in_(ids), alerts.c.status.in_(ENDED_BY_RULE))
    return connection.execute(
        change.values(status="resolved", resolved_at=run.as_of, updated_at=run.as_of)
    ).rowcount


def _stamp(run: Run, rule_id: str, connection: sa.Connection, raised: Sequence[int]) -> int:
    """Count the evaluation, once for each instant."""
    rules = run.table("health_alert_rules")
    new = sa.or_(rules.c.last_executed_at.is_(None), rules.c.last_executed_at < run.as_of)
    values: dict[str, Any] = {
        "execution_count": rules.c.execution_count + 1,
        "last_executed_at": run.as_of,
        "updated_at": run.as_of,
    }
    if raised[0]:
        values |= {"trigger_count": rules.c.trigger_count + 1, "last_triggered_at": run.as_of}
    change = rules.update().where(rules.c.id == rule_id, new).values(values)
    return connection.execute(change).rowcount
