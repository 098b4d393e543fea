"""Unpaid orders, past slots, low capacity and expired coupons, on both engines.

Boundaries are tried one second to either side; a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from booking_world import AS_OF, DAY, OTHER, TENANT, BookingWorld, Row

from orchestration.errors import WarehouseError
from orchestration.operations.business import is_over, is_timed_out
from orchestration.operations.business_capacity import change_capacity
from orchestration.operations.business_requests import CapacityRequest
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, run_operation
from orchestration.settings import Settings

BY_NAME = {o.name: o for o in OPERATIONS if o.domain == "business"}
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TIMEOUT, LOW, COUPONS = (
    "handle_timeout_service_orders",
    "check_low_capacity_services",
    "cleanup_expired_coupons",
)


@pytest.fixture(scope="module")
def shared_world(module_engine_settings: Settings) -> Iterator[BookingWorld]:
    world = BookingWorld.build(module_engine_settings)
    with world.held_open():
        yield world


@pytest.fixture
def world(shared_world: BookingWorld) -> BookingWorld:
    shared_world.empty()
    shared_world.service()
    shared_world.slot()
    return shared_world


def run(world: BookingWorld, name: str, as_of: datetime, **options: Any) -> Report:
    return run_operation(BY_NAME[name], world.at(as_of), **options)


def statuses(world: BookingWorld) -> dict[str, str]:
    return {row["order_no"]: row["order_status"] for row in world.rows("service_orders")}


def pay(world: BookingWorld, order_no: str, status: str) -> None:
    (order,) = world.rows("service_orders", order_no=order_no)
    row = {"id": f"{order_no} {status}", "tenant_id": order["tenant_id"], "order_id": order["id"],
           "payment_no": order_no, "payment_method": "cash", "payment_amount": Decimal("1.00"),
           "payment_status": status}  # fmt: skip
    world.insert("service_order_payments", row)


# --- unpaid orders -------------------------------------------------------------------------------


def test_orders_are_given_up_after_exactly_thirty_minutes(world: BookingWorld) -> None:
    world.coupon("TEN")
    world.create("old", as_of=AS_OF - 30 * MINUTE, coupon_codes=["TEN"])
    world.create("young", as_of=AS_OF - 30 * MINUTE + SECOND)
    report = run(world, TIMEOUT, AS_OF)
    assert (report.examined, report.changed, report.changed_by_tenant) == (2, 1, {TENANT: 1})
    assert statuses(world) == {"old": "cancelled", "young": "pending_payment"}
    (order,) = world.rows("service_orders", order_no="old")
    assert [order[name] for name in ("cancelled_by", "cancellation_reason", "cancel_time",
                                     "cancellation_fee", "service_status")] == [
        "system", "not paid within 30 minutes", AS_OF, 0, "cancelled"]  # fmt: skip
    (step,) = world.rows("service_order_status_history", new_status="cancelled")
    assert [step[name] for name in ("order_id", "old_status", "operator_type", "created_at")] == [
        order["id"], "pending_payment", "auto_scheduler", AS_OF]  # fmt: skip
    assert world.row("service_time_slots", "slot")["current_bookings"] == 1
    assert world.row("services", "service")["available_slots"] == 999
    coupon = world.row("marketing_coupons", "id-TEN")
    assert (coupon["used_count"], coupon["status"]) == (0, "active")
    (audit,) = world.rows("saas_unified_audit_logs")
    assert (audit["target_name"], audit["change_data"]["changed"]) == (TIMEOUT, 1)
    before = world.everything()
    assert run(world, TIMEOUT, AS_OF).changed == 0
    assert world.everything() == before


PAYMENTS = {"pending": True, "processing": False, "success": False, "failed": True,
            "cancelled": True, "refunded": True, "partial_refunded": True}  # fmt: skip


def test_a_payment_under_way_or_made_keeps_its_order(world: BookingWorld) -> None:
    long_ago = AS_OF - timedelta(days=1)
    for status in PAYMENTS:
        world.create(status, as_of=long_ago)
        pay(world, status, "failed")
        pay(world, status, status) if status != "failed" else None
    world.create("none", as_of=long_ago)
    world.create("paid", as_of=long_ago)
    world.step("paid", "paid", as_of=long_ago)
    run(world, TIMEOUT, AS_OF)
    wanted = {status: "cancelled" if gone else "pending_payment"
              for status, gone in PAYMENTS.items()}  # fmt: skip
    assert statuses(world) == wanted | {"none": "cancelled", "paid": "paid"}


def test_timing_out_is_decided_by_minutes_and_payments() -> None:
    for minutes in (5, 30, 1440):
        edge = AS_OF - timedelta(minutes=minutes)
        for payments in ([], ["pending"], ["failed", "cancelled"]):
            assert is_timed_out(edge, payments, AS_OF, Decimal(minutes))
            assert not is_timed_out(edge + SECOND, payments, AS_OF, Decimal(minutes))
        for status in ("processing", "success"):
            assert not is_timed_out(edge - HOUR, ["failed", status], AS_OF, Decimal(minutes))


def test_a_tenant_s_own_timeout_wins(world: BookingWorld) -> None:
    world.service("theirs", tenant_id=OTHER)
    plain = {"items": [{"service_id": "theirs"}], "service_date": DAY,
             "service_time_start": time(9)}  # fmt: skip
    world.create("ours", as_of=AS_OF - 20 * MINUTE)
    world.create("theirs", as_of=AS_OF - 20 * MINUTE, tenant_id=OTHER, **plain)
    world.insert(
        "saas_tenants", {"id": OTHER, "tenant_code": "o", "tenant_name": "o"}
    )  # fmt: skip
    for key, tenant, scope, value in (("g", None, "global", 21), ("t", OTHER, "tenant", 20)):
        world.insert(
            "saas_unified_configs",
            {"id": key, "tenant_id": tenant, "config_scope": scope, "config_category": "orders",
             "config_key": "business.payment_timeout_minutes", "config_value": value,
             "status": "active"},
        )  # fmt: skip
    assert run(world, TIMEOUT, AS_OF).changed_by_tenant == {OTHER: 1}
    assert statuses(world) == {"ours": "pending_payment", "theirs": "cancelled"}
    assert run(world, TIMEOUT, AS_OF + MINUTE).changed_by_tenant == {TENANT: 1}


def test_a_dry_run_counts_and_changes_nothing(world: BookingWorld) -> None:
    world.create("A", as_of=AS_OF - HOUR)
    world.slot("past", slot_date=date(2026, 6, 1))
    world.coupon("OLD", end_time=AS_OF - SECOND)
    world.service("low", available_slots=1, min_capacity_threshold=1)
    before = world.everything()
    assert run(world, TIMEOUT, AS_OF, dry_run=True).changed == 2
    assert run(world, COUPONS, AS_OF, dry_run=True).changed == 1
    assert run(world, LOW, AS_OF, dry_run=True).changed == 1
    assert world.everything() == before


def test_an_order_whose_places_are_gone_stops_none_of_the_others(world: BookingWorld) -> None:
    """Each order is a transaction of its own; what failed is named at the end."""
    for n in range(3):
        world.create(f"A{n}", as_of=AS_OF - HOUR + n * SECOND)
    world.service("broken")
    plain = {"items": [{"service_id": "broken"}], "service_date": DAY,
             "service_time_start": time(9)}  # fmt: skip
    broken = world.create("A1b", as_of=AS_OF - HOUR + SECOND, **plain)
    world.update("services", "broken", booked_slots=0)
    with pytest.raises(WarehouseError, match=f"1 unpaid orders.*{broken.order_id}.*0 places are"):
        run(world, TIMEOUT, AS_OF)
    assert statuses(world) == {"A0": "cancelled", "A1": "cancelled", "A1b": "pending_payment",
                               "A2": "cancelled"}  # fmt: skip
    (audit,) = world.rows("saas_unified_audit_logs")
    assert (audit["status"], audit["change_data"]["changed"]) == ("partial", 3)
    world.update("services", "broken", booked_slots=1)
    assert run(world, TIMEOUT, AS_OF).changed == 1


# --- past slots ----------------------------------------------------------------------------------


def test_past_slots_that_are_open_become_completed(world: BookingWorld) -> None:
    today, end = AS_OF.date(), AS_OF.time()
    cases = {
        "at": (today, end, "available", "completed"),
        "after": (today, time(12, 0, 1), "available", "available"),
        "before": (today, time(11, 59, 59), "booked", "completed"),
        "yesterday": (today - timedelta(days=1), time(23, 59, 59), "booked", "completed"),
        "tomorrow": (today + timedelta(days=1), time(0, 30), "available", "available"),
        "blocked": (today, time(10), "blocked", "blocked"),
        "cancelled": (today, time(10), "cancelled", "cancelled"),
        "done": (today, time(10), "completed", "completed"),
    }
    for key, (day, until, status, _) in cases.items():
        world.slot(key, slot_date=day, start_time=time(0), end_time=until, status=status)
    report = run(world, TIMEOUT, AS_OF, batch_rows=2)
    found = {s["id"]: s["status"] for s in world.rows("service_time_slots")}
    assert found == {key: case[3] for key, case in cases.items()} | {"slot": "available"}
    assert report.changed == 3
    stamps = {s["id"] for s in world.rows("service_time_slots") if s["updated_at"] == AS_OF}
    assert stamps == {"at", "before", "yesterday"}
    assert run(world, TIMEOUT, AS_OF).changed == 0
    assert is_over(today, end, AS_OF) and not is_over(today, end, AS_OF - SECOND)


# --- low capacity --------------------------------------------------------------------------------


def adjust(world: BookingWorld, quantity: int, as_of: datetime) -> None:
    request = CapacityRequest(tenant_id=TENANT, capacity_type="service", capacity_id="low",
                              change_type="adjust", quantity=quantity)  # fmt: skip
    change_capacity(world.at(as_of), request)


def notices(world: BookingWorld) -> list[Row]:
    logs = world.rows("service_capacity_logs", change_type="adjust", change_quantity=0)
    return sorted(logs, key=lambda log: log["created_at"])


def test_a_low_service_is_noted_once_a_crossing(world: BookingWorld) -> None:
    world.service("low", available_slots=6, min_capacity_threshold=5)
    clock = [AS_OF + n * HOUR for n in range(20)]
    assert run(world, LOW, clock[0]).changed == 0
    adjust(world, -1, clock[0] + MINUTE)
    report = run(world, LOW, clock[1])
    assert (report.examined, report.changed) == (1, 1)
    (first,) = notices(world)
    assert {name: first[name] for name in ("tenant_id", "capacity_type", "capacity_id",
                                           "before_capacity", "after_capacity", "business_type",
                                           "reason", "created_at")} == {
        "tenant_id": TENANT, "capacity_type": "service", "capacity_id": "low",
        "before_capacity": 5, "after_capacity": 5, "business_type": "adjustment",
        "reason": "available slots at or under the threshold", "created_at": clock[1]}  # fmt: skip
    for tick in clock[1:4]:
        assert run(world, LOW, tick).changed == 0
    adjust(world, -2, clock[4])
    assert run(world, LOW, clock[5]).changed == 0
    adjust(world, 3, clock[6])
    assert run(world, LOW, clock[7]).changed == 0
    adjust(world, -1, clock[8])
    assert run(world, LOW, clock[9]).changed == 1
    assert run(world, LOW, clock[10]).changed == 0
    adjust(world, 1, clock[11])
    adjust(world, -1, clock[11] + SECOND)
    assert run(world, LOW, clock[12]).changed == 1
    assert [log["created_at"] for log in notices(world)] == [clock[1], clock[9], clock[12]]


def test_an_entry_of_a_clock_that_runs_ahead_is_news_when_its_time_comes(
    world: BookingWorld,
) -> None:
    world.service("low", available_slots=5, min_capacity_threshold=5)
    assert run(world, LOW, AS_OF).changed == 1
    adjust(world, 1, AS_OF + 10 * HOUR)
    adjust(world, -1, AS_OF + 10 * HOUR + SECOND)
    assert [run(world, LOW, AS_OF + HOUR).changed for _ in range(2)] == [0, 0]
    assert [run(world, LOW, AS_OF + 11 * HOUR).changed for _ in range(2)] == [1, 0]


def test_only_active_services_with_a_threshold_are_looked_at(world: BookingWorld) -> None:
    for key, more in {
        "at": {}, "under": {"available_slots": 0}, "above": {"available_slots": 6},
        "off": {"min_capacity_threshold": 0, "available_slots": 0},
        "inactive": {"status": "inactive"}, "theirs": {"tenant_id": OTHER},
    }.items():  # fmt: skip
        world.service(key, **{"available_slots": 5, "min_capacity_threshold": 5} | more)
    report = run(world, LOW, AS_OF, batch_rows=1)
    assert report.changed_by_tenant == {TENANT: 2, OTHER: 1}
    assert sorted(log["capacity_id"] for log in notices(world)) == ["at", "theirs", "under"]


# --- coupons -------------------------------------------------------------------------------------


def test_active_coupons_past_their_end_expire(world: BookingWorld) -> None:
    world.coupon("GONE", end_time=AS_OF - SECOND)
    world.coupon("LAST", end_time=AS_OF)
    world.coupon("THEIRS", end_time=AS_OF - SECOND, tenant_id=OTHER)
    for status in ("used", "disabled", "expired"):
        world.coupon(status, end_time=AS_OF - HOUR, status=status)
    report = run(world, COUPONS, AS_OF, batch_rows=1)
    assert report.changed_by_tenant == {TENANT: 1, OTHER: 1}
    found = {c["coupon_code"]: c["status"] for c in world.rows("marketing_coupons")}
    assert found == {"GONE": "expired", "LAST": "active", "THEIRS": "expired", "used": "used",
                     "disabled": "disabled", "expired": "expired"}  # fmt: skip
    changed = {c["coupon_code"] for c in world.rows("marketing_coupons")
               if c["updated_at"] == AS_OF}  # fmt: skip
    assert changed == {"GONE", "THEIRS"}
    assert run(world, COUPONS, AS_OF).changed == 0
