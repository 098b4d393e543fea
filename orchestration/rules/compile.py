"""Rules to SQL: one SQLAlchemy expression with bound parameters, for all of a tenant's subjects.

Every condition compiles to something that is true or false and never NULL, so that `not` may
stand before anything. Text is compared code point by code point on both engines: capital and small
letters, accents, trailing spaces and any two emoji differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from orchestration.rules.context import Context
from orchestration.rules.fields import Behavior, Kind
from orchestration.rules.grammar import (
    Checked,
    Condition,
    RuleFault,
    Span,
    conditions,
)

Columns = Mapping[str, sa.ColumnElement[Any]]
BY_CODE_POINT = "utf8mb4_0900_bin"
# Earlier than any MySQL timestamp, which must not be compared with what none can hold.
EARLIEST_TIME = datetime(1971, 1, 1)
# How much further back the weight before the first of the readings may lie.
WEIGHT_LOOKBACK = timedelta(days=180)


@dataclass(frozen=True)
class Compiled:
    """Who is asked (`source`, by `subject_id`) and every node of the rule as a condition."""

    rule: Checked
    subject_id: sa.ColumnElement[str]
    source: sa.FromClause
    of_tenant: sa.ColumnElement[bool]
    columns: Columns
    context: Context

    @cached_property
    def condition(self) -> sa.ColumnElement[bool]:
        """The whole rule as one expression."""
        return self.condition_of(self.rule)

    def condition_of(self, node: Checked) -> sa.ColumnElement[bool]:
        """A part of the rule as one expression."""
        return _condition(node, self.columns, self.context)

    def matching(self) -> sa.Select[tuple[str]]:
        """The ids of the tenant's subjects that meet the rule."""
        chosen = sa.select(self.subject_id).select_from(self.source)
        return chosen.where(self.of_tenant, self.condition)


def compile_for_customers(rule: Checked, context: Context) -> Compiled:
    """A rule over a tenant's customers; RuleFault where it asks for a mart that is not built."""
    customers = context.table("customers")
    asked = list(conditions(rule))
    source: sa.FromClause = customers
    columns: dict[str, sa.ColumnElement[Any]] = {}
    marts: dict[str, sa.FromClause] = {}
    behaviors = dict.fromkeys(c.field.behavior for c in asked if c.field.behavior)
    if behaviors:
        figures = _behavior_figures(tuple(behaviors), context).subquery("behavior")
        source = source.outerjoin(figures, figures.c.customer_id == customers.c.id)
        columns |= {
            _behavior_name(behavior): sa.func.coalesce(figures.c[f"figure_{n}"], 0)
            for n, behavior in enumerate(behaviors)
        }
    for condition in asked:
        field = condition.field
        if field.name in columns:
            continue
        if field.kind is Kind.TAGS:
            columns[field.name] = customers.c.id
        elif field.source == "customers":
            column = customers.c[field.column]
            columns[field.name] = column if field.name != "age" else _age(column, context.today)
        else:
            if field.source not in context.built:
                raise RuleFault(
                    [(f"{condition.path}.field", f"{field.source} is not built (`dbt build`)")]
                )
            if field.source not in marts:
                mart = context.table(field.source)
                marts[field.source] = mart
                source = source.outerjoin(mart, mart.c.customer_id == customers.c.id)
            columns[field.name] = marts[field.source].c[field.column]
    return Compiled(
        rule, customers.c.id, source, customers.c.tenant_id == context.tenant_id, columns, context
    )


def compile_for_patients(
    rule: Checked, context: Context, since: datetime, readings: int = 1
) -> Compiled:
    """A rule over the newest sets of vital signs after `since`, so many of each patient.

    `columns` also has measured_at and newest, 1 being the latest. Archived patients and the dead
    are left out.
    """
    asked = dict.fromkeys(condition.field.name for condition in conditions(rule))
    signs, patients = context.table("health_vital_signs"), context.table("health_patients")
    latest = (signs.c.measured_at.desc(), signs.c.created_at.desc(), signs.c.id.desc())
    source: sa.FromClause = signs.join(patients, patients.c.id == signs.c.patient_id)
    picked = {name: signs.c[name] for name in asked if name != "weight_change_pct"}
    if "weight_change_pct" in asked:
        before = _weights_before(context, since)
        source = source.outerjoin(before, before.c.id == signs.c.id)
        picked["weight_change_pct"] = _change_pct(signs.c.weight, before.c.before)
    picked["measured_at"] = signs.c.measured_at
    rank = sa.func.row_number().over(partition_by=signs.c.patient_id, order_by=latest)
    ranked = (
        sa.select(
            signs.c.patient_id,
            rank.label("newest"),
            *(column.label(name) for name, column in picked.items()),
        )
        .select_from(source)
        .where(
            signs.c.tenant_id == context.tenant_id,
            signs.c.measured_at > since,
            signs.c.measured_at <= context.as_of,
            patients.c.status.not_in(("archived", "deceased")),
        )
        .subquery("readings")
    )
    columns = {name: ranked.c[name] for name in (*picked, "newest")}
    return Compiled(
        rule, ranked.c.patient_id, ranked, ranked.c.newest <= readings, columns, context
    )


def _weights_before(context: Context, since: datetime) -> sa.Subquery:
    """Each weighing's id and the weight of the patient's weighing before it."""
    signs = context.table("health_vital_signs")
    order = (signs.c.measured_at, signs.c.created_at, signs.c.id)
    before = sa.func.lag(signs.c.weight).over(partition_by=signs.c.patient_id, order_by=order)
    return (
        sa.select(signs.c.id, before.label("before"))
        .where(
            signs.c.tenant_id == context.tenant_id,
            signs.c.weight.is_not(None),
            signs.c.measured_at > since - WEIGHT_LOOKBACK,
            signs.c.measured_at <= context.as_of,
        )
        .subquery("weights")
    )


def _change_pct(
    weight: sa.ColumnElement[Any], before: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    """Percent, rounded half up to two decimals: in whole numbers, for the engines' decimals differ.

    The quotient of two whole numbers of this size is exact enough as a double to take its floor.
    """
    now, then = (sa.cast(100 * column, sa.BigInteger) for column in (weight, before))
    doubled = sa.cast(20_000 * (now - then) + then, sa.Double)
    return sa.func.floor(doubled / sa.func.nullif(2 * then, 0)) / 100.0


def _behavior_name(behavior: Behavior) -> str:
    return f"behavior.{behavior.code}.{behavior.measure}.{behavior.days}"


def _behavior_figures(behaviors: tuple[Behavior, ...], context: Context) -> sa.Select[Any]:
    """A row a customer with every figure asked for, in one pass over the days they need."""
    days = context.table("customer_behavior_statistics")
    kinds = context.table("customer_behavior_definitions")
    code = _text(kinds.c.behavior_code, context)

    def figure(behavior: Behavior) -> sa.ColumnElement[Any]:
        column = days.c.event_count if behavior.measure == "count" else days.c.total_value
        first = context.today - timedelta(days=behavior.days - 1)
        return sa.func.sum(
            sa.case((sa.and_(code == behavior.code, days.c.stat_date >= first), column), else_=0)
        )

    longest = max(behavior.days for behavior in behaviors)
    return (
        sa.select(
            days.c.customer_id, *(figure(b).label(f"figure_{n}") for n, b in enumerate(behaviors))
        )
        .select_from(days.join(kinds, kinds.c.id == days.c.behavior_id))
        .where(
            days.c.tenant_id == context.tenant_id,
            kinds.c.tenant_id == context.tenant_id,
            code.in_(sorted({behavior.code for behavior in behaviors})),
            days.c.stat_period == "day",
            days.c.stat_date > context.today - timedelta(days=longest),
            days.c.stat_date <= context.today,
        )
        .group_by(days.c.customer_id)
    )


def _age(birth_date: sa.ColumnElement[date], today: date) -> sa.ColumnElement[int]:
    """Completed years; born on 29 February, one is a year older on 1 March. NULL before birth."""
    birthday = sa.extract("month", birth_date) * 100 + sa.extract("day", birth_date)
    before = sa.case((birthday > today.month * 100 + today.day, 1), else_=0)
    return sa.case((birth_date <= today, today.year - sa.extract("year", birth_date) - before))


# --- conditions ----------------------------------------------------------------------------------


def _condition(node: Checked, columns: Columns, context: Context) -> sa.ColumnElement[bool]:
    if not isinstance(node, Condition):
        parts = [_condition(part, columns, context) for part in node.parts]
        if node.op == "not":
            return sa.not_(parts[0].self_group())
        return (sa.and_ if node.op == "all" else sa.or_)(*parts).self_group()
    column = columns[node.field.name]
    if node.field.kind is Kind.TAGS:
        return _tags(column, node, context)
    if node.op == "is_null":
        return column.is_(None) if node.value else column.is_not(None)
    if node.op in ("ne", "not_in"):
        same = "eq" if node.op == "ne" else "in"
        return sa.or_(column.is_(None), sa.not_(_test(column, node, same, context)))
    return sa.and_(column.is_not(None), _test(column, node, node.op, context))


def _test(
    column: sa.ColumnElement[Any], node: Condition, op: str, context: Context
) -> sa.ColumnElement[bool]:
    """The comparison itself, for a column that is not NULL."""
    value: Any = node.value
    match node.field.kind:
        case Kind.DATE | Kind.TIME:
            return _moment(column, node.field.kind, op, value, context)
        case Kind.TEXT:
            column = _text(column, context)
        case Kind.FLAG:
            return column == sa.literal(value)
    match op:
        case "eq":
            return column == value
        case "in":
            return column.in_(value)
        case "between":
            return column.between(*value)
        case "contains":
            return column.contains(value, autoescape=True)
        case "starts_with":
            return column.startswith(value, autoescape=True)
    return _ORDERED[op](column, value)


_ORDERED: Mapping[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
}


def _moment(
    column: sa.ColumnElement[Any], kind: Kind, op: str, value: Any, context: Context
) -> sa.ColumnElement[bool]:
    """Dates and times as half-open ranges on the bare column."""

    def at(moment: datetime) -> datetime | date:
        return moment.date() if kind is Kind.DATE else max(moment, EARLIEST_TIME)

    def within(span: Span) -> sa.ColumnElement[bool]:
        return sa.and_(column >= at(span.start), column < at(span.end))

    midnight = datetime.combine(context.today, time())
    match op:
        case "eq":
            return within(value)
        case "in":
            return sa.or_(*(within(span) for span in value)).self_group()
        case "between":
            return within(Span(value[0].start, value[1].end))
        case "gt":
            return column >= at(value.end)
        case "gte":
            return column >= at(value.start)
        case "lt":
            return column < at(value.start)
        case "lte":
            return column < at(value.end)
        case "within_days":  # today and the days before it
            day = timedelta(days=1)
            return within(Span(midnight - (value - 1) * day, midnight + day))
    assert op == "older_than_days"
    return column < at(midnight - timedelta(days=value))


def _tags(
    customer_id: sa.ColumnElement[str], node: Condition, context: Context
) -> sa.ColumnElement[bool]:
    """Whether the customer carries tags now: active and not past their expiry."""
    held, tags = context.table("customer_tags"), context.table("customer_tag_definitions")
    holders = (
        sa.select(held.c.customer_id)
        .select_from(held.join(tags, tags.c.id == held.c.tag_id))
        .where(
            held.c.tenant_id == context.tenant_id,
            held.c.status == "active",
            sa.or_(held.c.expires_at.is_(None), held.c.expires_at > context.as_of),
        )
    )
    if node.op == "is_null":
        found = customer_id.in_(holders)
        return sa.not_(found) if node.value else found
    wanted: Any = (node.value,) if node.op == "contains" else node.value
    found = customer_id.in_(holders.where(_text(tags.c.tag_code, context).in_(wanted)))
    return sa.not_(found) if node.op == "not_in" else found


def _text(column: sa.ColumnElement[Any], context: Context) -> sa.ColumnElement[Any]:
    return sa.collate(column, BY_CODE_POINT) if context.dialect == "mysql" else column
