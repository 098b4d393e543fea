"""Alerts by rule, whatever they are about: what patients' and accounts' rules share.

A domain says by a `Watch` how a rule is read, what there is to see and what an alert says; here
stand the decision and what is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration.operations.running import Run
from orchestration.rules.context import Context
from orchestration.rules.grammar import RuleFault
from orchestration.schema.metadata import metadata_of


class Rule(Protocol):
    """What the decision asks of a rule that was read and checked."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def tenant_id(self) -> str: ...  # noqa: D102
    @property
    def cooldown(self) -> timedelta: ...  # noqa: D102
    @property
    def readings(self) -> int:
        """In how many readings on end the condition must hold."""
        ...


R = TypeVar("R", bound=Rule)


@dataclass(frozen=True)
class Reading:
    """What was read of a subject: when it was taken, whether the condition holds, the values."""

    measured_at: datetime
    meets: bool
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alerts:
    """A subject's alerts by one rule: the latest's time, and those that may be resolved."""

    latest: datetime
    unsettled: bool = False
    resolvable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Subjects to alert about, with the reading that gave cause; and what becomes of alerts.

    `repeated` are alerts whose condition still holds; `met` subjects meet it, alert or not.
    """

    raised: tuple[tuple[str, Reading], ...]
    resolved: tuple[str, ...]
    repeated: tuple[str, ...] = ()
    met: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Watch(Generic[R]):
    """The tables of a domain's rules and alerts, and what only the domain knows."""

    rules: str
    alerts: str
    # the statuses that end with the condition; others are staff's to close
    ended_by_rule: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], R]
    look: Callable[[Run, R], tuple[Mapping[str, Sequence[Reading]], Mapping[str, Alerts]]]
    tell: Callable[[Run, R, str, Reading], dict[str, Any]]
    repeat: Callable[[Run, sa.Connection, Sequence[str]], int] | None = None
    # whether a rule counts as triggered while its condition holds, not only when it alerts
    triggers_while_met: bool = False


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
    A subject without readings is left as it is.
    """
    raised, resolved, repeated, met = [], [], [], 0
    for subject, taken in sorted(readings.items()):
        known = alerts.get(subject)
        holds = len(taken) >= needed and all(r.meets for r in taken[:needed])
        met += holds
        if not holds:
            # One good reading ends it; too few readings say nothing.
            if known and not taken[0].meets:
                resolved += known.resolvable
        elif known is None or (
            not known.unsettled
            and known.latest + cooldown <= as_of
            and taken[0].measured_at > known.latest
        ):
            raised.append((subject, taken[0]))
        else:
            repeated += known.resolvable
    return Verdict(tuple(raised), tuple(sorted(resolved)), tuple(sorted(repeated)), met)


def evaluate(run: Run, watch: Watch[R], rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise and resolve alerts by every rule of `rows`; one with a fault raises nothing."""
    for row in rows:
        name = f"rule {row['rule_name']} ({row['id']})"
        try:
            rule = watch.read(row)
            readings, alerts = watch.look(run, rule)
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
        run.change(rule.tenant_id, verdict.raised, partial(_raise, run, watch, rule))
        run.change(rule.tenant_id, verdict.resolved, partial(resolve, run, watch))
        if watch.repeat:
            run.stamp(verdict.repeated, partial(watch.repeat, run))
        last = row["last_executed_at"]
        # with those of a run that was broken off before it counted them
        since = [a for a in alerts.values() if last is None or a.latest > last]
        triggered = verdict.met if watch.triggers_while_met else len(verdict.raised) + len(since)
        run.stamp((triggered,), partial(_stamp, run, watch, rule.id))
        run.notes.append(f"{name}: +{len(verdict.raised):,} -{len(verdict.resolved):,}")


def enabled_rules(run: Run, name: str, *order: str) -> list[dict[str, Any]]:
    """A table's enabled rules, by tenant and then as `order` says; JSON comes as text."""
    rules = run.table(name)
    columns = [
        sa.type_coerce(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c
        for c in rules.c
    ]
    wanted = (
        sa.select(*columns)
        .where(rules.c.is_enabled == sa.true())
        .order_by(rules.c.tenant_id, *(rules.c[name] for name in order), rules.c.id)
    )
    with run.read() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]


def context_of(run: Run, tenant_id: str) -> Context:
    """The tenant's tables as of the run."""
    settings = run.settings
    return Context(
        metadata_of(settings), settings.database_prefix, settings.dialect, tenant_id, run.as_of
    )


def json_object(
    row: Mapping[str, Any], column: str, keys: Sequence[str] | None = None
) -> dict[str, Any]:
    """A JSON column that must hold an object or nothing; RuleFault for a key not in `keys`."""
    value = json.loads(row[column]) if row[column] else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RuleFault([(column, "expected an object")])
    for key in value:
        if keys is not None and key not in keys:
            raise RuleFault([(f"{column}.{key}", f"expected {' or '.join(keys)}")])
    return value


def whole_number(
    config: Mapping[str, Any], path: str, default: int, most: int, least: int = 1
) -> int:
    """The number at `path` (column.key) within its bounds, or the default; else RuleFault."""
    value = config.get(path.rpartition(".")[2], default)
    if type(value) is not int or not least <= value <= most:
        raise RuleFault([(path, f"expected a whole number, {least} to {most}")])
    return value


def _raise(
    run: Run,
    watch: Watch[R],
    rule: R,
    connection: sa.Connection,
    raised: Sequence[tuple[str, Reading]],
) -> int:
    rows = [watch.tell(run, rule, subject, reading) for subject, reading in raised]
    connection.execute(run.table(watch.alerts).insert(), rows)
    return len(rows)


def resolve(run: Run, watch: Watch[Any], connection: sa.Connection, ids: Sequence[str]) -> int:
    """Close alerts whose condition has ended, but those that staff has taken over meanwhile."""
    alerts = run.table(watch.alerts)
    change = alerts.update().where(alerts.c.id.in_(ids), alerts.c.status.in_(watch.ended_by_rule))
    return connection.execute(
        change.values(status="resolved", resolved_at=run.as_of, updated_at=run.as_of)
    ).rowcount


def _stamp(
    run: Run, watch: Watch[Any], rule_id: str, connection: sa.Connection, triggered: Sequence[int]
) -> int:
    """Count the evaluation, once for each instant."""
    rules = run.table(watch.rules)
    new = sa.or_(rules.c.last_executed_at.is_(None), rules.c.last_executed_at < run.as_of)
    values: dict[str, Any] = {
        "execution_count": rules.c.execution_count + 1,
        "last_executed_at": run.as_of,
        "updated_at": run.as_of,
    }
    if triggered[0]:
        values |= {"trigger_count": rules.c.trigger_count + 1, "last_triggered_at": run.as_of}
    change = rules.update().where(rules.c.id == rule_id, new).values(values)
    return connection.execute(change).rowcount
