"""Customers on every edge of the stage rules, against the rules in plain Python."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from operation_rows import AS_OF, DAY, HOUR, Rows, lifecycle_rows
from operation_runs import AUDIT, ON_MYSQL, check_run, explained, fill, meanwhile, run
from rows import Row, change, make_tables, rows, table

from orchestration import database
from orchestration.settings import Settings

NAME = "update_customer_lifecycle"
CUSTOMERS, HISTORY = "customers", "customer_lifecycle_history"
TABLES = (CUSTOMERS, HISTORY)
TODAY = AS_OF.date()


@pytest.fixture(scope="module")
def settings(module_engine_settings: Settings) -> Settings:
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("core", "customer"))
    make_tables(settings, [*TABLES, AUDIT])
    return settings


def stage_of(row: Row) -> str | None:
    """02's list, read from the top; None where no rule holds."""
    orders, amount = row["total_orders"] or 0, row["total_amount"] or 0
    last = None if row["last_order_date"] is None else (TODAY - row["last_order_date"]).days
    first = None if row["first_order_date"] is None else (TODAY - row["first_order_date"]).days
    if last is not None and last > 180:
        return "inactive"
    if orders >= 5 and amount >= 5000:
        return "advocate"
    if orders >= 2 and last is not None and last <= 90:
        return "customer"
    if orders == 1 and first is not None and first <= 30:
        return "prospect"
    return "lead" if orders == 0 else None


def expected(before: Rows) -> tuple[Rows, Mapping[str, int]]:
    counts: Counter[str] = Counter()
    entries = before[HISTORY]
    for row in before[CUSTOMERS]:
        new, old = stage_of(row), row["lifecycle_stage"]
        if row["status"] != "active" or new is None or new == old:
            continue
        moves = [e["created_at"] for e in before[HISTORY] if e["customer_id"] == row["id"]]
        days = (AS_OF - max(moves, default=row["created_at"])) // timedelta(days=1)
        entries = [*entries, {
            "tenant_id": row["tenant_id"], "customer_id": row["id"], "old_stage": old,
            "new_stage": new, "stage_duration_days": days if old else None, "operator_id": None,
            "operator_type": "system", "trigger_event": NAME, "created_at": AS_OF,
        }]  # fmt: skip
        row |= {"lifecycle_stage": new, "updated_at": AS_OF}
        counts[row["tenant_id"]] += 1
    return {CUSTOMERS: before[CUSTOMERS], HISTORY: entries}, counts


def seen(found: Rows) -> Any:
    """History without ids and words."""
    names = ("tenant_id", "customer_id", "old_stage", "new_stage", "stage_duration_days",
             "operator_id", "operator_type", "trigger_event", "created_at")  # fmt: skip
    if HISTORY not in found:
        return found
    return sorted(tuple(str(row[name]) for name in names) for row in found[HISTORY])


def test_every_edge_of_every_rule(settings: Settings) -> None:
    fill(settings, lifecycle_rows(random.Random(1)))
    check_run(settings, NAME, TABLES, expected, seen=seen, batch_rows=200)
    last = {row["customer_id"]: row for row in rows(settings, HISTORY) if row["created_at"] == AS_OF
            and row["trigger_event"] == NAME}  # fmt: skip
    stages = {row["id"]: row["lifecycle_stage"] for row in rows(settings, CUSTOMERS)}
    assert {key: row["new_stage"] for key, row in last.items()} == {k: stages[k] for k in last}
    moves = Counter((row["old_stage"], row["new_stage"]) for row in last.values())
    assert len(moves) == 5 * 5  # from each of five, and from none, to each other


def customer(key: str, stage: str | None, orders: int | None, **more: Any) -> Row:
    return {"id": key, "tenant_id": "t1", "customer_code": key, "status": "active",
            "lifecycle_stage": stage, "total_orders": orders, "total_amount": Decimal(100),
            "created_at": AS_OF - 3 * DAY + HOUR} | more  # fmt: skip


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_both_sides_of_each_rule(settings: Settings) -> None:
    rich = {"total_amount": Decimal(5000)}
    listed = [
        customer("gone-181", "customer", 3, last_order_date=ago(181), **rich),
        customer("stays-180", "customer", 3, last_order_date=ago(180)),
        customer("advocate", "customer", 5, last_order_date=ago(180), **rich),
        customer(
            "cent-short", "customer", 5, last_order_date=ago(90), total_amount=Decimal("4999.99")
        ),
        customer("four", "prospect", 4, last_order_date=ago(90), **rich),
        customer("two-91", "prospect", 2, last_order_date=ago(91)),
        customer("one-30", "lead", 1, first_order_date=ago(30), last_order_date=ago(30)),
        customer("one-31", "lead", 1, first_order_date=ago(31), last_order_date=ago(31)),
        customer("none", "prospect", 0),
        customer("unknown", "prospect", None),
        customer("stageless", None, 0),
        customer("lost", "customer", 0, status="lost"),
    ]
    moved = {"gone-181": "inactive", "advocate": "advocate", "four": "customer",
             "one-30": "prospect", "none": "lead", "unknown": "lead",
             "stageless": "lead"}  # fmt: skip
    fill(settings, {CUSTOMERS: listed, HISTORY: []})
    assert run(settings, NAME).changed == len(moved)
    told = {row["customer_id"]: row for row in rows(settings, HISTORY)}
    assert {key: row["new_stage"] for key, row in told.items()} == moved
    now = {row["id"]: row["lifecycle_stage"] for row in rows(settings, CUSTOMERS)}
    assert now == {row["id"]: row["lifecycle_stage"] for row in listed} | moved
    assert {row["stage_duration_days"] for k, row in told.items() if k != "stageless"} == {2}
    assert told["stageless"]["stage_duration_days"] is None
    assert told["one-30"]["change_reason"] == "one order, within 30 days"
    assert told["one-30"]["stage_data"] == {
        "total_orders": "1", "total_amount": "100.00", "first_order_date": str(ago(30)),
        "last_order_date": str(ago(30))}  # fmt: skip


def test_an_order_that_comes_meanwhile_counts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at as leads: one buys, one is lost, one is moved by hand, one becomes an advocate."""
    keys = ("stays", "buys", "lost", "by-hand", "advocate")
    fill(settings, {CUSTOMERS: [customer(key, "prospect", 0) for key in keys], HISTORY: []})
    c = table(settings, CUSTOMERS).c

    def application() -> None:
        order = {"total_orders": 1, "first_order_date": TODAY, "last_order_date": TODAY}
        for key, values in (
            ("buys", order),
            ("lost", {"status": "lost"}),
            ("by-hand", {"lifecycle_stage": "lead"}),
            ("advocate", order | {"total_orders": 5, "total_amount": Decimal(5000)}),
        ):
            change(settings, CUSTOMERS, c.id == key, **values)

    with meanwhile(monkeypatch, application):
        assert run(settings, NAME).changed == 2
    assert {row["id"]: row["lifecycle_stage"] for row in rows(settings, CUSTOMERS)} == {
        "stays": "lead", "buys": "prospect", "lost": "prospect", "by-hand": "lead",
        "advocate": "advocate"}  # fmt: skip
    assert {row["customer_id"]: row["new_stage"] for row in rows(settings, HISTORY)} == {
        "stays": "lead", "advocate": "advocate"}  # fmt: skip


@ON_MYSQL
def test_the_night_s_run_reads_history_by_customer(settings: Settings) -> None:
    people = [customer(f"{n:05}", "lead", 0 if n % 50 else 5, total_amount=Decimal(9000))
              for n in range(2_000)]  # fmt: skip
    fill(settings, {CUSTOMERS: people, HISTORY: [
        {"id": f"{n}-{row['id']}", "tenant_id": "t1", "customer_id": row["id"],
         "new_stage": "lead", "created_at": AS_OF - n * DAY} for row in people for n in (1, 2)
    ]})  # fmt: skip
    with database.connect(settings) as connection:
        for this in (table(settings, name) for name in TABLES):
            connection.exec_driver_sql(f"analyze table `{this.schema}`.`{this.name}`")
    steps = explained(settings, lambda: run(settings, NAME))
    history = [step for step in steps if step["table"] == HISTORY]
    assert [step["key"] for step in history] == ["ix_customer_id_created_at"]
    assert all(step["key"] == "PRIMARY" for step in steps if step["select_type"] == "UPDATE")
