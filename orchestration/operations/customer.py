"""The customer domain's operations: tags and segments by rule."""

from __future__ import annotations

import calendar
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration.errors import WarehouseError
from orchestration.operations.memberships import (
    SEGMENT_LEDGER,
    TAG_LEDGER,
    Ledger,
    Moves,
    Tally,
    decide,
    standings,
    write,
)
from orchestration.operations.running import Run
from orchestration.rules.compile import compile_for_customers
from orchestration.rules.context import Context, built_marts
from orchestration.rules.fields import Kind
from orchestration.rules.grammar import Checked, RuleFault, conditions, parse
from orchestration.schema.metadata import metadata_of

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Ruled:
    """A tag or segment that a rule decides over."""

    id: str
    tenant_id: str
    code: str
    name: str
    rule_text: str | None
    reason: str | None
    removes: bool
    extras: Mapping[str, Any]


@dataclass(frozen=True)
class Tenant:
    """What is the same for all rules of a tenant in one run."""

    context: Context
    customers: int
    tag_codes: frozenset[str]
    behavior_codes: frozenset[str]


@dataclass
class Attempt:
    """How the evaluation of one rule went."""

    of: Ruled
    tally: Tally
    customers: int = 0
    fault: str | None = None
    # whether the writes had begun when it went wrong
    broke_off: bool = False
    milliseconds: int | None = None


def auto_assign_tags(run: Run) -> None:
    """Evaluate the rule of every active tag with auto_assign; assign, and remove where it may."""
    for tenant_id, group in groupby(_tags(run), lambda tag: tag.tenant_id):
        tags, tenant = list(group), _tenant(run, tenant_id)
        rules = {tag.id: _read_rule(tag, tenant) for tag in tags}
        ordered, circles = in_order(tags, rules)
        for tag in ordered:
            rule = circles.get(tag.id, rules[tag.id])
            attempt = _attempt(run, tag, rule, tenant, TAG_LEDGER)
            _tell(run, "tag", attempt)
            run.note(run.table("tag_rule_execution_logs"), _tag_log(run, attempt))
            if attempt.fault is None:
                run.stamp((tag.id,), partial(_update_tag, run))
    _surface(run)


def update_dynamic_segments(run: Run) -> None:
    """Recompute active dynamic segments with auto_refresh that are due."""
    for tenant_id, segments in groupby(_due_segments(run), lambda segment: segment.tenant_id):
        tenant = _tenant(run, tenant_id)
        for segment in segments:
            rule = _read_rule(segment, tenant)
            attempt = _attempt(run, segment, rule, tenant, SEGMENT_LEDGER)
            _tell(run, "segment", attempt)
            _finish_segment(run, attempt)
    _surface(run)


def in_order(
    tags: Sequence[Ruled], rules: Mapping[str, Checked | RuleFault]
) -> tuple[list[Ruled], dict[str, RuleFault]]:
    """Tags so that each comes after those it asks about; and a fault for each in a circle.

    `tags` comes by priority, which decides among the others.
    """
    by_code = {tag.code: tag for tag in tags}
    asks: dict[str, set[str]] = {}
    for tag in tags:
        rule = rules[tag.id]
        codes = set() if isinstance(rule, RuleFault) else _codes_asked(rule, by_code)
        asks[tag.id] = {by_code[code].id for code in codes if code in by_code}
    faults: dict[str, RuleFault] = {}
    while True:
        try:
            ranks = {key: n for n, key in enumerate(_by_rank(asks, [tag.id for tag in tags]))}
            return sorted(tags, key=lambda tag: ranks[tag.id]), faults
        except CycleError as error:
            circle = list(dict.fromkeys(error.args[1]))
            names = {tag.id: tag.code for tag in tags}
            for key in circle:
                said = ", ".join(sorted(names[k] for k in circle))
                faults[key] = RuleFault([("rule", f"asks for tags in a circle: {said}")])
                asks[key] = set()


def _by_rank(asks: Mapping[str, set[str]], ranked: Sequence[str]) -> Iterator[str]:
    """Topological order; among what is ready, the order of `ranked`."""
    rank = {key: n for n, key in enumerate(ranked)}
    sorter = TopologicalSorter(asks)
    sorter.prepare()
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=rank.__getitem__)
        key = ready.pop(0)
        yield key
        sorter.done(key)


def _codes_asked(rule: Checked, everybody: Mapping[str, Ruled]) -> set[str]:
    found: set[str] = set()
    for condition in conditions(rule):
        if condition.field.kind is Kind.TAGS:
            if condition.op == "is_null":
                return set(everybody)
            found |= {condition.value} if condition.op == "contains" else set(condition.value)  # type: ignore[arg-type]
    return found


def is_due(frequency: str, last: datetime | None, today: date) -> bool:
    """Whether a segment is due at this tick; realtime and hourly ones are at every tick."""
    if last is None or frequency in ("realtime", "hourly"):
        return True
    day = last.date()
    match frequency:
        case "daily":
            return day < today
        case "weekly":
            return day + WEEK <= today
    year, month = day.year + day.month // 12, day.month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1])) <= today


# --- reading -------------------------------------------------------------------------------------


def _tags(run: Run) -> list[Ruled]:
    tags = run.table("customer_tag_definitions")
    wanted = (
        sa.select(
            tags,
            sa.type_coerce(tags.c.rule_config, sa.Text).label("rule_text"),
        )
        .where(tags.c.is_active == sa.true(), tags.c.auto_assign == sa.true())
        .order_by(tags.c.tenant_id, tags.c.priority, tags.c.id)
    )
    with run.read() as connection:
        return [
            Ruled(
                row.id,
                row.tenant_id,
                row.tag_code,
                row.tag_name,
                row.rule_text,
                row.rule_expression or row.tag_name,
                bool(row.auto_remove),
                {"tag_value": row.default_value},
            )
            for row in connection.execute(wanted)
        ]


def _due_segments(run: Run) -> list[Ruled]:
    segments = run.table("customer_segments")
    wanted = (
        sa.select(
            segments,
            sa.type_coerce(segments.c.rule_config, sa.Text).label("rule_text"),
        )
        .where(
            segments.c.segment_type == "dynamic",
            segments.c.is_active == sa.true(),
            segments.c.auto_refresh == sa.true(),
        )
        .order_by(segments.c.tenant_id, segments.c.id)
    )
    with run.read() as connection:
        return [
            Ruled(
                row.id,
                row.tenant_id,
                row.segment_code,
                row.segment_name,
                row.rule_text,
                row.rule_expression or row.segment_name,
                True,
                {},
            )
            for row in connection.execute(wanted)
            if is_due(row.refresh_frequency or "daily", row.last_calculated_at, run.as_of.date())
        ]


def _tenant(run: Run, tenant_id: str) -> Tenant:
    customers, tags = run.table("customers"), run.table("customer_tag_definitions")
    behaviors = run.table("customer_behavior_definitions")
    with run.read() as connection:
        context = Context(
            metadata_of(run.settings),
            run.settings.database_prefix,
            connection.dialect.name,
            tenant_id,
            run.as_of,
            built_marts(connection, run.settings.database_prefix),
        )
        count = sa.select(sa.func.count()).where(customers.c.tenant_id == tenant_id)
        counted = behaviors.c.enable_statistics == sa.true()
        return Tenant(
            context,
            connection.scalar(count) or 0,
            frozenset(connection.scalars(sa.select(tags.c.tag_code).where(
                tags.c.tenant_id == tenant_id
            ))),
            frozenset(connection.scalars(sa.select(behaviors.c.behavior_code).where(
                behaviors.c.tenant_id == tenant_id, counted
            ))),
        )  # fmt: skip


def _read_rule(of: Ruled, tenant: Tenant) -> Checked | RuleFault:
    """The rule, or what is wrong with it: its grammar, or a tag or behaviour nobody defined."""
    try:
        rule = parse(of.rule_text, "customer") if of.rule_text else None
    except RuleFault as fault:
        return fault
    if rule is None:
        return RuleFault([("rule", "there is none")])
    faults = []
    for condition in conditions(rule):
        behavior = condition.field.behavior
        if behavior and behavior.code not in tenant.behavior_codes:
            what = f"the tenant counts no behaviour {behavior.code!r}"
            faults.append((f"{condition.path}.field", what))
        if condition.field.kind is Kind.TAGS and condition.op != "is_null":
            value: Any = condition.value
            asked = {value} if condition.op == "contains" else set(value)
            for code in sorted(asked - tenant.tag_codes):
                faults.append((f"{condition.path}.value", f"the tenant has no tag {code!r}"))
    return RuleFault(faults) if faults else rule


# --- one rule ------------------------------------------------------------------------------------


def _attempt(
    run: Run, of: Ruled, rule: Checked | RuleFault, tenant: Tenant, ledger: Ledger
) -> Attempt:
    """Evaluate and write one rule; whatever is wrong with it stays its own trouble."""
    attempt = Attempt(of, Tally())
    began = time.monotonic()
    with _faults_noted(attempt):
        if isinstance(rule, RuleFault):
            raise rule
        moves = _moves(run, of, rule, tenant, ledger)
        attempt.customers = tenant.customers
        attempt.broke_off = True
        write(
            run, ledger, moves, attempt.tally,
            tenant_id=of.tenant_id, owner_id=of.id, reason=of.reason, extras=of.extras,
        )  # fmt: skip
        attempt.broke_off = False
    if not attempt.broke_off:
        attempt.milliseconds = round((time.monotonic() - began) * 1000)
    run.examined += attempt.customers
    return attempt


def _moves(run: Run, of: Ruled, rule: Checked, tenant: Tenant, ledger: Ledger) -> Moves:
    compiled = compile_for_customers(rule, tenant.context)
    with run.read() as connection:
        found = standings(connection, compiled, run.table(ledger.table), ledger, of.id)
    return decide(found, run.as_of, removes=of.removes)


@contextmanager
def _faults_noted(attempt: Attempt) -> Iterator[None]:
    """Keep a rule's fault and a refused statement; a lost connection ends the run."""
    try:
        yield
    except RuleFault as fault:
        attempt.fault = fault.message
    except WarehouseError as error:
        if not attempt.broke_off:
            raise
        attempt.fault = error.message
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        attempt.fault = str(error.orig)


def _tell(run: Run, kind: str, attempt: Attempt) -> None:
    name = f"{kind} {attempt.of.code} of {attempt.of.tenant_id}"
    if attempt.fault:
        run.notes.append(f"{name} failed: {attempt.fault}")
        if attempt.broke_off:
            run.broken.append(f"{name}: {attempt.fault}")
    else:
        run.notes.append(f"{name}: +{attempt.tally.added:,} -{attempt.tally.removed:,}")


def _surface(run: Run) -> None:
    if run.broken:
        raise WarehouseError(
            f"{len(run.broken)} rules could not be written to the end: {'; '.join(run.broken)}.",
            fix="run the operation again; it goes on where it stopped.",
        )


# --- telling -------------------------------------------------------------------------------------


def _tag_log(run: Run, attempt: Attempt) -> dict[str, Any]:
    tally = attempt.tally
    moved = tally.added + tally.removed
    status = "success" if attempt.fault is None else "partial" if moved else "failed"
    return {
        "id": str(uuid.uuid4()),
        "tenant_id": attempt.of.tenant_id,
        "tag_id": attempt.of.id,
        "execution_type": run.trigger,
        "execution_status": status,
        "processed_customers": attempt.customers,
        "added_tags": tally.added,
        "removed_tags": tally.removed,
        "execution_time_ms": attempt.milliseconds,
        "error_message": attempt.fault,
        "execution_details": {"as_of": str(run.as_of), "batches": tally.batches},
        "created_at": run.as_of,
    }


def _update_tag(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    tags, held = run.table("customer_tag_definitions"), run.table("customer_tags")
    carried = sa.select(sa.func.count()).where(held.c.tag_id == ids[0], held.c.status == "active")
    change = tags.update().where(tags.c.id == ids[0]).values(
        customer_count=connection.scalar(carried),
        last_calculated_at=run.as_of,
        updated_at=run.as_of,
    )  # fmt: skip
    return connection.execute(change).rowcount


def _finish_segment(run: Run, attempt: Attempt) -> None:
    """Write the segment's figures, unless its rule failed, and its history row with them."""
    of, milliseconds = attempt.of, attempt.milliseconds
    with run.read() as connection:
        size, figures = _segment_figures(run, connection, of.id)
    status = "success"
    if attempt.fault is not None:
        status = "cancelled" if attempt.broke_off else "failed"
    segments, history = run.table("customer_segments"), run.table("segment_calculation_history")
    values = figures | {
        "last_calculated_at": run.as_of,
        "calculation_duration_ms": milliseconds,
        "updated_at": run.as_of,
    }
    told = {
        "id": str(uuid.uuid4()),
        "tenant_id": of.tenant_id,
        "segment_id": of.id,
        "calculation_type": "full",
        "trigger_type": run.trigger,
        "calculation_status": status,
        "total_customers": attempt.customers,
        "added_customers": attempt.tally.added,
        "removed_customers": attempt.tally.removed,
        "final_count": size,
        "calculation_time_ms": milliseconds,
        "error_message": attempt.fault,
        "started_at": run.as_of,
        "completed_at": run.as_of,
    }

    def finish(connection: sa.Connection, ids: Sequence[str]) -> int:
        if attempt.fault is None:
            connection.execute(segments.update().where(segments.c.id.in_(ids)).values(values))
        return connection.execute(history.insert(), told).rowcount

    run.stamp((of.id,), finish)


def _segment_figures(
    run: Run, connection: sa.Connection, segment_id: str
) -> tuple[int, dict[str, Any]]:
    """Active members, and what the segment's row says of them."""
    members, customers = run.table("customer_segment_members"), run.table("customers")
    size, amount, orders, buyers = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(customers.c.total_amount), 0),
            sa.func.coalesce(sa.func.sum(customers.c.total_orders), 0),
            sa.func.count(sa.case((customers.c.total_orders > 0, 1))),
        )
        .select_from(members.join(customers, customers.c.id == members.c.customer_id))
        .where(members.c.segment_id == segment_id, members.c.status == "active")
    ).one()
    return size, {
        "customer_count": size,
        "total_revenue": amount,
        "avg_order_amount": _quotient(amount, orders),
        "conversion_rate": _quotient(100 * buyers, size),
    }


def _quotient(amount: Any, count: Any) -> Decimal:
    """Rounded half up to two decimals; 0 over nothing."""
    if not count:
        return Decimal(0)
    exact = Decimal(amount) / Decimal(count)
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
