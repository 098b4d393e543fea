"""The business marts, value by value, on both engines; and that the traps are in the data."""

from __future__ import annotations

import oracles.business_marts as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

MARTS = {
    "dim_services": Relation(("service_id",), oracle.services, least=100),
    "dim_service_providers": Relation(("provider_id",), oracle.providers, least=50),
    "fct_orders": Relation(("order_id",), oracle.orders, least=500),
    "fct_order_items": Relation(("order_item_id",), oracle.order_items, least=1_000),
    "fct_payments": Relation(("payment_id",), oracle.payments, least=700),
    "fct_capacity_changes": Relation(("capacity_log_id",), oracle.capacity_changes, least=5_000),
    "fct_coupon_redemptions": Relation(
        ("order_id", "coupon_place"),
        oracle.coupon_redemptions,
        least=100,
        unchecked=("coupon_redemption_id",),
    ),
}


@pytest.mark.parametrize("name", MARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, f"warehouse.{name}", MARTS[name])


def test_the_data_hold_what_is_easily_counted_wrong(demo: Demo) -> None:
    """Otherwise the comparison above would say nothing of it."""
    raw = demo.raw
    largest = {
        order: max(row["payment_amount"] for row in attempts)
        for order, attempts in oracle.by(raw.rows("service_order_payments"), "order_id").items()
    }
    placed = oracle.orders(raw)
    assert any(
        row["refunded_amount_cny"] > largest.get(order, 0) for (order,), row in placed.items()
    )
    assert any(row["is_rescheduled"] for row in placed.values())
    assert any(row["is_given_back"] for row in oracle.coupon_redemptions(raw).values())
    assert any(row["variant_id"] is None for row in oracle.order_items(raw).values())


@pytest.mark.mysql
def test_a_night_s_capacity_changes_come_from_the_index(demo: Demo) -> None:
    steps = {step["table"]: step for step in demo.plan(demo.compiled("fct_capacity_changes"))}
    log = steps["service_capacity_logs"]
    assert (log["type"], log["key"]) == ("range", "ix_created_at")
    assert {steps[name]["key"] for name in ("service_variants", "service_time_slots")} == {
        "PRIMARY"
    }
