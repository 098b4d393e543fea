"""Customers' lifecycle stages, by rule."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from orchestration.operations.running import Run
from orchestration.operations.sweeping import Due, Key, lock_no_gaps, of_keys, sweep

ADVOCATE_AMOUNT = 5_000
FIGURES = ("total_orders", "total_amount", "first_order_date", "last_order_date")
EVENT = "update_customer_lifecycle"


@dataclass(frozen=True)
class Stage:
    """A stage, its rule in words for the history, and the rule over columns as of a day."""

    name: str
    words: str
    rule: Callable[[Any, date], sa.ColumnElement[bool]]


def _since(today: date, days: int) -> date:
    return today - timedelta(days=days)


# The first rule that holds; a customer whom none fits keeps the stage. The macro
# due_lifecycle_stage says the same to the marts.
STAGES = (
    Stage("inactive", "last order more than 180 days ago",
          lambda c, today: c.last_order_date < _since(today, 180)),
    Stage("advocate", "5 orders or more, worth 5000 or more",
          lambda c, today: sa.and_(c.total_orders >= 5, c.total_amount >= ADVOCATE_AMOUNT)),
    Stage("customer", "2 orders or more, the last within 90 days",
          lambda c, today: sa.and_(c.total_orders >= 2, c.last_order_date >= _since(today, 90))),
    Stage("prospect", "one order, within 30 days",
          lambda c, today: sa.and_(c.total_orders == 1, c.first_order_date >= _since(today, 30))),
    Stage("lead", "no orders",
          lambda c, today: sa.func.coalesce(c.total_orders, 0) == 0),
)  # fmt: skip
WORDS = {stage.name: stage.words for stage in STAGES}


def due_stage(customers: sa.Table, today: date) -> sa.ColumnElement[str]:
    """The stage by the first rule that holds; NULL without one."""
    return sa.case(*((stage.rule(customers.c, today), stage.name) for stage in STAGES))


def movers(customers: sa.Table, today: date) -> Due:
    """Active customers whose stage is another than the one they are due."""
    c, due = customers.c, due_stage(customers, today)
    return c.status == "active", sa.or_(c.lifecycle_stage.is_(None) & due.is_not(None),
                                        c.lifecycle_stage != due)  # fmt: skip


def update_customer_lifecycle(run: Run) -> None:
    """Move active customers to the stage that the rules give them, with a history row each."""
    customers = run.table("customers")
    sweep(run, customers, movers(customers, run.as_of.date()), partial(_move, run))


def _move(run: Run, connection: sa.Connection, keys: Sequence[Key]) -> int:
    """Those that are due another stage now that nobody else can change them."""
    customers, history = run.table("customers"), run.table("customer_lifecycle_history")
    c, due = customers.c, due_stage(customers, run.as_of.date())
    lock_no_gaps(run, connection)
    names = ("id", "tenant_id", "lifecycle_stage", "created_at", *FIGURES)
    asked = (
        sa.select(*(c[name] for name in names), due.label("due_stage"))
        .where(of_keys(customers, keys), *movers(customers, run.as_of.date()))
        .order_by(c.id)
    )
    if run.settings.is_mysql:  # DuckDB's single writer is the lock
        asked = asked.with_for_update()
    moving = connection.execute(asked).mappings().all()
    if not moving:
        return 0
    ids = [row["id"] for row in moving]
    h = history.c
    last = (
        sa.select(h.customer_id, sa.func.max(h.created_at))
        .where(h.customer_id.in_(ids), h.created_at <= run.as_of)
        .group_by(h.customer_id)
    )
    since = dict(connection.execute(last).all())
    connection.execute(
        history.insert(),
        [_entry(row, since.get(row["id"], row["created_at"]), run.as_of) for row in moving],
    )
    change = customers.update().where(c.id.in_(ids))
    return connection.execute(change.values(lifecycle_stage=due, updated_at=run.as_of)).rowcount


def _entry(row: Mapping[str, Any], since: datetime | None, as_of: datetime) -> dict[str, Any]:
    """The row of the history; a customer without one is in the stage since the row was made."""
    old, new = row["lifecycle_stage"], row["due_stage"]
    return {
        "id": str(uuid.uuid4()),
        "tenant_id": row["tenant_id"],
        "customer_id": row["id"],
        "old_stage": old,
        "new_stage": new,
        "change_reason": WORDS[new],
        "trigger_event": EVENT,
        "stage_data": {name: None if row[name] is None else str(row[name]) for name in FIGURES},
        "stage_duration_days": max((as_of - since).days, 0) if old and since else None,
        "operator_type": "system",
        "created_at": as_of,
    }
