"""Orders from booking to settlement on both engines: every rule from both sides of its boundary."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from booking_world import AS_OF, DAY, OTHER, TENANT, BookingWorld, Row, booking
from pydantic import ValidationError
from typer.testing import CliRunner

from orchestration import cli
from orchestration.errors import WarehouseError
from orchestration.operations.business_booking import create_order
from orchestration.operations.business_capacity import change_capacity
from orchestration.operations.business_orders import (
    assign_provider,
    cancel_order,
    change_order_status,
)
from orchestration.operations.business_payments import settle_payment
from orchestration.operations.business_providers import Candidate, choose, works_at
from orchestration.operations.business_requests import (
    AssignProvider,
    CancelOrder,
    CapacityRequest,
    ChangeStatus,
    CreateOrder,
    OrderResult,
    RescheduleOrder,
    SettlePayment,
    parse_request,
)
from orchestration.operations.business_rescheduling import reschedule_order
from orchestration.operations.business_rows import Refused
from orchestration.operations.order_states import STATES, may_become
from orchestration.settings import Settings

START = datetime.combine(DAY, time(9))
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
UUIDS = ("id", "order_id", "created_at", "updated_at")


@pytest.fixture(scope="module")
def shared_world(module_engine_settings: Settings) -> Iterator[BookingWorld]:
    world = BookingWorld.build(module_engine_settings)
    with world.held_open():
        yield world


@pytest.fixture
def world(shared_world: BookingWorld) -> BookingWorld:
    """One service with a slot of ten at nine, and one with a variant."""
    shared_world.empty()
    shared_world.service()
    shared_world.slot()
    return shared_world


def refused(world: BookingWorld, words: str, **request: Any) -> None:
    """The order is refused in these words, and nothing is written."""
    before = world.everything()
    as_of = request.pop("as_of", AS_OF)
    with pytest.raises(Refused, match=words):
        create_order(world.at(as_of), booking("X", **request))
    assert world.everything() == before


def only(rows: list[Row]) -> Row:
    (row,) = rows
    return row


# --- create --------------------------------------------------------------------------------------


def test_an_order_is_written_whole(world: BookingWorld) -> None:
    world.variant(duration_minutes=90)
    world.coupon("TEN", "percentage", 10, usage_limit=2)
    item = {"service_id": "service", "time_slot_id": "slot", "variant_id": "variant", "quantity": 2}
    address = {"province": "广东", "city": "深圳", "district": "南山", "detail": "😀 1 号"}
    found = world.create(
        "A", items=[item, {"service_id": "service"}], coupon_codes=["TEN"],
        service_location_type="onsite", service_address=address, contact_info={"name": "陈晨"},
    )  # fmt: skip
    order = world.row("service_orders", found.order_id)
    wanted = {
        "tenant_id": TENANT, "order_no": "A", "order_status": "pending_payment",
        "payment_status": "unpaid", "service_status": "not_started", "customer_id": "customer",
        "service_date": DAY, "service_time_start": time(9), "service_time_end": time(10),
        "estimated_duration_minutes": 90, "service_address": address,
        "contact_info": {"name": "陈晨"}, "coupon_codes": ["TEN"],
        "discount_details": [{"coupon": "TEN", "amount": 34.0}],
        "subtotal": 340, "travel_fee": 50, "discount_amount": 34, "total_amount": 356,
        "service_fee": 0, "paid_amount": 0, "order_time": AS_OF, "created_at": AS_OF,
        "updated_at": AS_OF, "is_recurring": False,
    }  # fmt: skip
    assert {name: order[name] for name in wanted} == wanted
    lines = {line["variant_id"]: line for line in world.rows("service_order_items")}
    amounts = ("unit_price", "quantity", "subtotal", "travel_fee", "discount_amount", "final_price")
    assert [lines["variant"][name] for name in amounts[:4]] == [120, 2, 240, 25]
    assert [lines[None][name] for name in amounts[:4]] == [100, 1, 100, 25]
    # by weight of what the lines cost with their travel: 265 to 125 of 390
    assert {key: line["discount_amount"] for key, line in lines.items()} == {
        "variant": Decimal("23.10"), None: Decimal("10.90")
    }  # fmt: skip
    assert sum(line["final_price"] for line in lines.values()) == 356
    assert (lines["variant"]["time_slot_id"], lines["variant"]["service_status"]) == (
        "slot", "pending"
    )  # fmt: skip

    places = {(log["capacity_type"], log["change_quantity"]): log
              for log in world.rows("service_capacity_logs")}  # fmt: skip
    steps = {key: (log["before_capacity"], log["after_capacity"]) for key, log in places.items()}
    assert steps == {("service", 2): (1000, 998), ("service", 1): (998, 997),
                     ("variant", 2): (50, 48), ("time_slot", 2): (10, 8)}  # fmt: skip
    for log in places.values():
        told = {"change_type": "book", "business_type": "booking", "business_id": found.order_id,
                "booking_id": found.order_id, "reference_no": "A", "service_date": DAY,
                "service_time_start": time(9), "customer_id": "customer",
                "created_at": AS_OF}  # fmt: skip
        assert {name: log[name] for name in told} == told
    service, variant = world.row("services", "service"), world.row("service_variants", "variant")
    assert (service["available_slots"], service["booked_slots"]) == (997, 3)
    assert (service["booking_count"], service["revenue"]) == (2, 356)
    assert (variant["capacity"], variant["booked_capacity"], variant["booking_count"]) == (50, 2, 1)
    coupon = world.row("marketing_coupons", "id-TEN")
    assert [coupon[name] for name in ("used_count", "used_by_user", "used_order_id", "used_at",
                                      "status")] == [1, "customer", found.order_id, AS_OF,
                                                     "active"]  # fmt: skip
    step = only(world.rows("service_order_status_history"))
    assert (step["old_status"], step["new_status"], step["operator_type"]) == (
        None, "pending_payment", "customer"
    )  # fmt: skip
    assert (step["service_date"], step["service_time"]) == (DAY, time(9))


def test_the_same_order_no_is_the_same_order_and_other_content_an_error(
    world: BookingWorld,
) -> None:
    world.slot("later", hour=15)
    first = world.create("A")
    before = world.everything()
    again = world.create("A", as_of=AS_OF + timedelta(days=300))
    assert again == first.model_copy(update={"created": False})
    assert world.create("A", order_type="scheduled", contact_info=None) == again
    for other in ({"customer_id": "other"}, {"coupon_codes": ["X"]}, {"notes": "bitte"},
                  {"items": [{"service_id": "service"}], "service_date": DAY,
                   "service_time_start": time(9)}):  # fmt: skip
        with pytest.raises(Refused, match="exists with other content"):
            world.create("A", **other)
    assert world.everything() == before
    for new in ("paid", "confirmed"):
        world.step("A", new)
    move = RescheduleOrder(tenant_id=TENANT, order_no="A", time_slot_id="later")
    reschedule_order(world.settings, move)
    assert world.create("A").order_status == "rescheduled"


def test_threads_of_one_process_take_the_places_one_by_one(world: BookingWorld) -> None:
    """On DuckDB, where snapshots would let two of them read the same last place."""

    def attempt(number: int) -> str:
        try:
            return create_order(world.settings, booking(f"A{number}")).order_status
        except Refused:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        met = Counter(pool.map(attempt, range(40)))
    assert met == {"pending_payment": 10, "refused": 30}
    slot = world.row("service_time_slots", "slot")
    assert (slot["current_bookings"], slot["status"]) == (10, "booked")
    logs = world.rows("service_capacity_logs", capacity_type="time_slot")
    assert sorted(log["after_capacity"] for log in logs) == list(range(10))


def test_another_tenant_has_order_numbers_of_its_own(world: BookingWorld) -> None:
    world.create("A")
    world.service("theirs", tenant_id=OTHER)
    item = {"service_id": "theirs"}
    times = {"service_date": DAY, "service_time_start": time(9)}
    assert world.create("A", tenant_id=OTHER, items=[item], **times).created


@pytest.mark.parametrize(
    "status", ["draft", "pending_review", "inactive", "discontinued", "fully_booked"]
)
def test_only_active_services_are_sold(world: BookingWorld, status: str) -> None:
    world.update("services", "service", status=status)
    refused(world, f"service service is {status}")


def test_what_is_unknown_or_somebody_else_s_is_refused_by_name(world: BookingWorld) -> None:
    world.service("theirs", tenant_id=OTHER)
    world.service("second")
    world.variant("v2", "second")
    world.slot("t2", "second")
    for item, words in (
        ({"service_id": "none"}, "the tenant has no service none"),
        ({"service_id": "theirs"}, "the tenant has no service theirs"),
        ({"service_id": "service", "variant_id": "v2"}, "service service has no variant v2"),
        ({"service_id": "service", "variant_id": "none"}, "service service has no variant none"),
        ({"service_id": "service", "time_slot_id": "t2"}, "service service has no time slot t2"),
        ({"service_id": "SERVICE", "time_slot_id": "slot"}, "has no service SERVICE"),
    ):
        refused(world, words, items=[{"service_id": "service", "time_slot_id": "slot"}, item])


def test_all_reasons_are_told_at_once(world: BookingWorld) -> None:
    world.update("services", "service", status="inactive", max_booking_quantity=2)
    world.update("service_time_slots", "slot", max_bookings=1)
    item = {"service_id": "service", "time_slot_id": "slot", "quantity": 3}
    words = "is inactive.*quantity 3, 1 to 2.*coupon NO.*1 places are free, 3 are asked for"
    refused(world, words, items=[item], coupon_codes=["NO"])


def test_quantities_stay_within_the_service_s_limits(world: BookingWorld) -> None:
    world.update("services", "service", min_booking_quantity=2, max_booking_quantity=4)
    for quantity in (1, 5):
        item = {"service_id": "service", "time_slot_id": "slot", "quantity": quantity}
        refused(world, f"quantity {quantity}, 2 to 4 can be ordered", items=[item])
    for quantity in (2, 4):
        item = {"service_id": "service", "time_slot_id": "slot", "quantity": quantity}
        assert world.create(f"A{quantity}", items=[item]).created


def test_the_start_keeps_the_notice_and_the_season(world: BookingWorld) -> None:
    world.update("services", "service", advance_booking_hours=24)
    soon = START - timedelta(hours=24)
    refused(world, "can be booked from", as_of=soon + SECOND)
    assert world.create("A", as_of=soon).created
    for column, fits, sign in (("available_from", START, 1), ("available_to", START, -1)):
        world.update("services", "service", **{column: fits + sign * SECOND})
        refused(world, "is offered")
        world.update("services", "service", **{column: fits})
        assert world.create(column).created


@pytest.mark.parametrize("status", ["booked", "blocked", "completed", "cancelled"])
def test_only_available_slots_are_sold(world: BookingWorld, status: str) -> None:
    world.update("service_time_slots", "slot", status=status)
    refused(world, f"it is {status}")


def test_maintenance_is_not_sold_and_full_is_full(world: BookingWorld) -> None:
    world.update("service_time_slots", "slot", slot_type="maintenance")
    refused(world, "the slot is for maintenance")
    world.update("service_time_slots", "slot", slot_type="special", max_bookings=1)
    assert world.create("A").created
    assert world.row("service_time_slots", "slot")["status"] == "booked"
    refused(world, "it is booked")


def test_services_and_variants_run_out_too(world: BookingWorld) -> None:
    world.variant(capacity=1)
    item = {"service_id": "service", "time_slot_id": "slot", "variant_id": "variant"}
    assert world.create("A", items=[item]).created
    refused(world, "of variant variant: 0 places are free", items=[item])
    world.update("services", "service", available_slots=1)
    assert world.create("B").created
    refused(world, "of service service: 0 places are free")
    world.variant("off", status="suspended")
    refused(world, "variant off is suspended", items=[item | {"variant_id": "off"}])


COUPON_FAULTS: dict[str, tuple[Row, str]] = {
    "early": ({"start_time": AS_OF + SECOND}, "is valid from"),
    "late": ({"end_time": AS_OF - SECOND}, "is valid from"),
    "expired": ({"status": "expired"}, "is expired"),
    "disabled": ({"status": "disabled"}, "is disabled"),
    "used": ({"used_count": 1, "status": "used"}, "is used up"),
    "limit": ({"used_count": 2, "usage_limit": 2}, "is used up"),
    "person": ({"issued_to_user": "other"}, "was issued to somebody else"),
    "tenant": ({"tenant_id": OTHER}, "is not one of the tenant's"),
    "product": ({"applicable_products": ["other"]}, "does not cover every line"),
    "category": ({"applicable_categories": ["other"]}, "does not cover every line"),
    "minimum": ({"min_order_amount": Decimal("100.01")}, "asks for 100.01 yuan"),
}
COUPON_FITS: tuple[Row, ...] = (
    {"start_time": AS_OF}, {"end_time": AS_OF}, {"used_count": 1, "usage_limit": 2},
    {"issued_to_user": "customer"}, {"issued_to_user": "other", "is_transferable": True},
    {"applicable_products": ["service"]}, {"applicable_products": []},
    {"applicable_categories": ["category", "x"]}, {"min_order_amount": Decimal("100.00")},
)  # fmt: skip


@pytest.mark.parametrize("fault", COUPON_FAULTS)
def test_a_coupon_that_does_not_fit_is_refused(world: BookingWorld, fault: str) -> None:
    terms, words = COUPON_FAULTS[fault]
    world.coupon("C", **terms)
    refused(world, words, coupon_codes=["C"])
    refused(world, "coupon c is not one of the tenant's", coupon_codes=["c"])


def test_coupons_that_just_fit_are_taken(world: BookingWorld) -> None:
    for number, terms in enumerate(COUPON_FITS):
        world.coupon(f"C{number}", **terms)
        found = world.create(f"A{number}", coupon_codes=[f"C{number}"])
        assert found.discount_amount == 10, terms
        coupon = world.row("marketing_coupons", f"id-C{number}")
        assert (coupon["used_count"], coupon["status"]) == (terms.get("used_count", 0) + 1, "used")


def test_without_a_slot_the_order_says_when(world: BookingWorld) -> None:
    plain = [{"service_id": "service"}]
    for times in ({}, {"service_date": DAY}, {"service_time_start": time(9)}):
        refused(world, "service_date and service_time_start are needed", items=plain, **times)
    found = world.create("A", items=plain, service_date=DAY, service_time_start=time(23, 30))
    assert found.service_time_start == time(23, 30)
    refused(world, "the slot begins at 2026-07-06 09:00:00", service_date=date(2026, 7, 7))
    refused(world, "the slot begins at", service_time_start=time(9, 0, 1))
    assert world.create("B", service_date=DAY, service_time_start=time(9)).created


def test_walk_ins_begin_at_once_where_no_appointment_is_needed(world: BookingWorld) -> None:
    plain = {"items": [{"service_id": "service"}], "order_type": "immediate"}
    refused(world, "service_date and service_time_start are needed", **plain)
    world.update("services", "service", requires_appointment=False)
    refused(world, "can be booked from", **plain)
    world.update("services", "service", advance_booking_hours=0)
    found = world.create("A", **plain)
    assert (found.service_date, found.service_time_start) == (AS_OF.date(), AS_OF.time())


def test_a_slot_s_price_counts_with_its_surge(world: BookingWorld) -> None:
    world.update("service_time_slots", "slot", base_price=Decimal("33.35"),
                 surge_multiplier=Decimal("1.50"))  # fmt: skip
    assert world.create("A").total_amount == Decimal("50.03")
    world.update("services", "service", pricing_model="hourly")
    world.update("service_time_slots", "slot", duration_minutes=90)
    assert world.create("B").total_amount == Decimal("75.05")


# --- states --------------------------------------------------------------------------------------


PATHS = {
    "pending_payment": (),
    "paid": ("paid",),
    "confirmed": ("paid", "confirmed"),
    "assigned": ("paid", "confirmed", "assigned"),
    "preparing": ("paid", "confirmed", "assigned", "preparing"),
    "in_progress": ("paid", "confirmed", "assigned", "in_progress"),
    "completed": ("paid", "confirmed", "assigned", "in_progress", "completed"),
    "cancelled": ("paid", "cancelled"),
    "refunded": ("paid", "cancelled", "refunded"),
    "rescheduled": ("paid", "confirmed", "rescheduled"),
}


def lead(world: BookingWorld, order_no: str, path: tuple[str, ...]) -> OrderResult:
    """Take a fresh order along a path; a move goes to the slot `later`."""
    found = world.create(order_no)
    for new in path:
        if new == "rescheduled":
            request = RescheduleOrder(tenant_id=TENANT, order_no=order_no, time_slot_id="later")
            found = reschedule_order(world.settings, request)
        else:
            found = world.step(order_no, new)
    return found


@pytest.mark.parametrize("old", STATES)
def test_every_step_is_allowed_or_refused_as_the_table_says(world: BookingWorld, old: str) -> None:
    """All hundred pairs; a refused step writes nothing."""
    world.slot("later", hour=15)
    world.provider("p", max_concurrent_services=50)
    order_no = "refused"
    assert lead(world, order_no, PATHS[old]).order_status == old
    before = world.everything()
    for new in STATES:
        if not may_become(old, new):
            with pytest.raises(Refused, match=f"is {old} and cannot become {new}"):
                world.step(order_no, new, payment=None)
        elif new == "rescheduled":
            with pytest.raises(Refused, match="without a new time"):
                world.step(order_no, new)
    assert world.everything() == before
    for new in STATES[old].leads_to:
        # Completing an order closes the slot.
        world.update("service_time_slots", "slot", status="available")
        lead(world, new, PATHS[old])
        if new != "rescheduled":
            assert world.step(new, new).order_status == new


def test_a_life_has_its_times_states_and_history(world: BookingWorld) -> None:
    world.provider("p")
    world.create("A")
    path = PATHS["completed"]
    clock = {new: AS_OF + timedelta(minutes=n) for n, new in enumerate(path, start=1)}
    clock["completed"] = clock["in_progress"] + timedelta(minutes=75, seconds=59)
    for new in path:
        world.step("A", new, clock[new], reason=f"why {new}", operator_id="u")
    order = only(world.rows("service_orders"))
    wanted = {
        "order_status": "completed", "payment_status": "paid", "service_status": "completed",
        "paid_amount": 100, "payment_time": clock["paid"], "confirm_time": clock["confirmed"],
        "assigned_time": clock["assigned"], "assigned_provider_id": "p",
        "provider_assigned_at": clock["assigned"], "provider_assignment_method": "auto",
        "service_start_time": clock["in_progress"], "service_end_time": clock["completed"],
        "complete_time": clock["completed"], "actual_duration_minutes": 75, "cancel_time": None,
        "updated_at": clock["completed"],
    }  # fmt: skip
    assert {name: order[name] for name in wanted} == wanted
    line = only(world.rows("service_order_items"))
    assert (line["service_status"], line["completion_rate"], line["actual_start_time"],
            line["actual_end_time"], line["actual_duration_minutes"]) == (
        "completed", 100, clock["in_progress"], clock["completed"], 75)  # fmt: skip
    steps = sorted(world.rows("service_order_status_history"), key=lambda s: s["created_at"])
    states = ["pending_payment", *path]
    assert [(s["old_status"], s["new_status"]) for s in steps] == list(
        zip([None, *states], states, strict=False)
    )
    assert [s["created_at"] for s in steps[1:]] == [clock[new] for new in path]
    assert [s["change_reason"] for s in steps[1:]] == [f"why {new}" for new in path]
    assert [s["provider_id"] for s in steps] == [None, None, None, "p", "p", "p"]
    service = world.row("services", "service")
    assert (service["available_slots"], service["booked_slots"], service["completed_count"]) == (
        999, 0, 1
    )  # fmt: skip
    assert world.row("service_time_slots", "slot")["status"] == "completed"
    assert world.row("service_providers", "p")["service_count"] == 1
    payment = only(world.rows("service_order_payments"))
    assert (payment["payment_amount"], payment["payment_status"], payment["payment_type"],
            payment["payment_time"]) == (100, "success", "full", clock["paid"])  # fmt: skip


def pay(world: BookingWorld, key: str, amount: Any, **more: Any) -> None:
    order = only(world.rows("service_orders", order_no="A"))
    row = {"id": key, "tenant_id": TENANT, "order_id": order["id"], "payment_no": key,
           "payment_method": "cash", "payment_amount": Decimal(amount),
           "payment_status": "success", "created_at": AS_OF}  # fmt: skip
    world.insert("service_order_payments", row | more)


def test_paid_means_that_the_payments_cover_the_total(world: BookingWorld) -> None:
    world.create("A")
    pay(world, "deposit", "30.00")
    pay(world, "failed", "100.00", payment_status="failed")
    before = world.everything()
    with pytest.raises(Refused, match=r"has received 30.00 of 100.00 yuan"):
        world.step("A", "paid", payment=None)
    rest = {"payment_no": "rest", "payment_method": "wechat"}
    with pytest.raises(Refused, match=r"has received 99.99 of 100.00"):
        world.step("A", "paid", payment=rest | {"payment_amount": "69.99"})
    with pytest.raises(Refused, match=r"owes 70.00 yuan, not 70.01"):
        world.step("A", "paid", payment=rest | {"payment_amount": "70.01"})
    assert world.everything() == before
    found = world.step("A", "paid", payment=rest | {"payment_amount": "70.00"})
    assert (found.paid_amount, found.payment_status) == (100, "paid")
    (row,) = world.rows("service_order_payments", payment_no="rest")
    assert (row["payment_type"], row["payment_status"]) == ("final", "success")


def test_an_order_that_costs_nothing_is_paid_without_a_payment(world: BookingWorld) -> None:
    world.coupon("ALL", "percentage", 100)
    world.create("A", coupon_codes=["ALL"])
    assert world.step("A", "paid", payment=None).paid_amount == 0


# --- cancel and refund ---------------------------------------------------------------------------


def test_a_variant_counts_what_was_completed_of_it(world: BookingWorld) -> None:
    """By lines, as its service does; what was cancelled or is on its way counts for nothing."""
    world.provider("p", max_concurrent_services=9)
    world.variant()
    world.variant("unsold")
    plain = {"service_id": "service", "time_slot_id": "slot"}
    items = [plain | {"variant_id": "variant"}, plain | {"variant_id": "variant"}, plain]
    for order_no in ("done", "going", "off"):
        world.create(order_no, items=items)
    for new in PATHS["completed"]:
        world.step("done", new)
    world.step("going", "paid")
    world.step("off", "cancelled")
    counts = {v["id"]: v["completed_count"] for v in world.rows("service_variants")}
    assert counts == {"variant": 2, "unsold": 0}
    assert world.row("services", "service")["completed_count"] == 3
    assert world.row("service_variants", "variant")["booked_capacity"] == 2


def cancelled(world: BookingWorld, as_of: datetime, **more: Any) -> OrderResult:
    request = CancelOrder.model_validate({"tenant_id": TENANT, "order_no": "A"} | more)
    return cancel_order(world.at(as_of), request)


def test_cancelling_gives_places_and_coupons_back(world: BookingWorld) -> None:
    world.variant()
    world.coupon("ONE")
    world.coupon("MANY", "gift", 0, usage_limit=5)
    item = {"service_id": "service", "time_slot_id": "slot", "variant_id": "variant", "quantity": 3}
    before = world.everything()
    world.create("A", items=[item], coupon_codes=["ONE", "MANY"])
    other = world.create("B", coupon_codes=["MANY"])
    found = cancelled(world, AS_OF, reason="改主意", cancelled_by="customer")
    assert (found.order_status, found.cancellation_fee) == ("cancelled", 0)
    one, many = (world.row("marketing_coupons", f"id-{code}") for code in ("ONE", "MANY"))
    latest = ("used_count", "status", "used_order_id", "used_by_user", "used_at")
    assert [one[name] for name in latest] == [0, "active", None, None, None]
    assert [many[name] for name in latest] == [1, "active", other.order_id, "customer", AS_OF]
    cancel_order(world.settings, CancelOrder(tenant_id=TENANT, order_no="B"))
    after = world.everything()
    for name in ("services", "service_variants", "service_time_slots", "marketing_coupons"):
        for old, new in zip(before[name], after[name], strict=True):
            ignored = ("updated_at", "booking_count")
            assert {k: v for k, v in old.items() if k not in ignored} == {
                k: v for k, v in new.items() if k not in ignored
            }
    order = world.row("service_orders", found.order_id)
    assert (order["cancelled_by"], order["cancellation_reason"], order["cancel_time"]) == (
        "customer", "改主意", AS_OF
    )  # fmt: skip
    assert only(world.rows("service_order_items", order_id=found.order_id))[
        "service_status"
    ] == "cancelled"  # fmt: skip
    kinds = [log["change_type"] for log in world.rows("service_capacity_logs")]
    assert sorted(kinds) == ["book"] * 5 + ["cancel"] * 5


@pytest.mark.parametrize(
    ("before", "party", "fee"),
    [
        (timedelta(hours=2), "customer", 0),
        (timedelta(hours=2) - SECOND, "customer", 10),
        (timedelta(hours=-1), "customer", 10),
        (timedelta(hours=2) - SECOND, "provider", 0),
        (timedelta(hours=2) - SECOND, "admin", 0),
    ],
)
def test_a_late_cancellation_costs_the_customer_a_tenth(
    world: BookingWorld, before: timedelta, party: str, fee: int
) -> None:
    lead(world, "A", ("paid",))
    found = cancelled(world, START - before, cancelled_by=party)
    assert found.cancellation_fee == fee
    back = world.step("A", "refunded", reason="退款")
    assert (back.refund_amount, back.payment_status, back.service_status) == (
        100 - fee, "partial_refunded" if fee else "refunded", "cancelled"
    )  # fmt: skip
    payment = only(world.rows("service_order_payments"))
    assert [payment[n] for n in ("refund_amount", "payment_status", "refund_type",
                                 "refund_reason", "refund_time")] == [
        100 - fee, "partial_refunded" if fee else "refunded",
        "cancellation_fee" if fee else "full", "退款", AS_OF]  # fmt: skip


def test_an_unpaid_order_costs_nothing_to_cancel_and_cannot_be_refunded(
    world: BookingWorld,
) -> None:
    world.create("A")
    assert cancelled(world, START).cancellation_fee == 0
    with pytest.raises(Refused, match="Nothing was paid"):
        world.step("A", "refunded")


def test_the_strictest_policy_and_the_tenant_s_rate_decide_the_fee(world: BookingWorld) -> None:
    world.service("strict", cancellation_hours=48)
    set_config(world, "business.cancellation_fee_rate", "0.25")
    world.create("A", items=[{"service_id": "service", "time_slot_id": "slot"},
                             {"service_id": "strict"}])  # fmt: skip
    world.step("A", "paid")
    assert cancelled(world, START - timedelta(hours=47)).cancellation_fee == 50


def test_a_refund_takes_the_latest_payment_first(world: BookingWorld) -> None:
    world.create("A")
    pay(world, "z", "70.00", created_at=AS_OF - timedelta(minutes=1))
    pay(world, "a", "30.00")
    world.step("A", "paid", payment=None)
    assert cancelled(world, START).cancellation_fee == 10
    world.step("A", "refunded")
    amounts = {p["id"]: (p["refund_amount"], p["payment_status"])
               for p in world.rows("service_order_payments")}  # fmt: skip
    assert amounts == {"a": (30, "refunded"), "z": (60, "partial_refunded")}


def test_a_refund_frees_the_places_of_a_service_that_was_not_rendered(world: BookingWorld) -> None:
    world.coupon("TEN")
    world.create("A", coupon_codes=["TEN"])
    world.step("A", "paid")
    found = world.step("A", "refunded")
    assert (found.service_status, found.refund_amount) == ("cancelled", 90)
    service = world.row("services", "service")
    assert (service["available_slots"], service["booked_slots"], service["revenue"]) == (1000, 0, 0)
    assert world.row("service_time_slots", "slot")["current_bookings"] == 0
    assert world.row("marketing_coupons", "id-TEN")["used_count"] == 1


def test_a_refund_of_a_rendered_service_leaves_its_places_used(world: BookingWorld) -> None:
    world.provider("p")
    lead(world, "A", PATHS["completed"])
    before = len(world.rows("service_capacity_logs"))
    found = world.step("A", "refunded")
    assert (found.service_status, found.payment_status) == ("completed", "refunded")
    service = world.row("services", "service")
    assert (service["available_slots"], service["revenue"], service["completed_count"]) == (
        999, 0, 1
    )  # fmt: skip
    assert len(world.rows("service_capacity_logs")) == before


# --- reschedule ----------------------------------------------------------------------------------


def moved(world: BookingWorld, as_of: datetime = AS_OF, **more: Any) -> OrderResult:
    request = RescheduleOrder.model_validate({"tenant_id": TENANT, "order_no": "A"} | more)
    return reschedule_order(world.at(as_of), request)


def test_a_move_books_the_new_slot_and_gives_the_old_one_back(world: BookingWorld) -> None:
    world.slot("later", hour=15, max_bookings=1)
    found = lead(world, "A", ("paid", "confirmed"))
    after = moved(world, time_slot_id="later", reason="堵车")
    assert (after.order_status, after.service_time_start, after.total_amount) == (
        "rescheduled", time(15), 100
    )  # fmt: skip
    order = world.row("service_orders", found.order_id)
    assert [order[name] for name in ("rescheduled_from_date", "rescheduled_from_time",
                                     "reschedule_reason", "reschedule_count",
                                     "service_time_end")] == [
        DAY, time(9), "堵车", 1, time(16)]  # fmt: skip
    slots = {slot["id"]: slot for slot in world.rows("service_time_slots")}
    assert (slots["slot"]["current_bookings"], slots["later"]["status"]) == (0, "booked")
    logs = [
        (log["capacity_id"], log["change_type"], log["service_time_start"])
        for log in world.rows("service_capacity_logs", capacity_type="time_slot")
    ]
    assert sorted(logs) == [("later", "book", time(15)), ("slot", "book", time(9)),
                            ("slot", "cancel", time(9))]  # fmt: skip
    last = only(world.rows("service_order_status_history", new_status="rescheduled"))
    assert (last["service_date"], last["service_time"]) == (DAY, time(15))
    assert world.row("services", "service")["booked_slots"] == 1
    world.step("A", "confirmed")
    assert moved(world, time_slot_id="slot").order_status == "rescheduled"
    assert world.row("service_orders", found.order_id)["reschedule_count"] == 2


def test_a_move_that_cannot_be_leaves_everything_as_it_is(world: BookingWorld) -> None:
    world.slot("full", hour=15, status="booked", max_bookings=1, current_bookings=1)
    world.slot("soon", slot_date=AS_OF.date())
    world.service("second")
    world.slot("foreign", "second", hour=15)
    lead(world, "A", ("paid", "confirmed"))
    before = world.everything()
    for words, request in (
        ("it is booked", {"time_slot_id": "full"}),
        ("can be booked from", {"time_slot_id": "soon"}),
        ("service service has no time slot foreign", {"time_slot_id": "foreign"}),
        ("slot slot is the one it has", {"time_slot_id": "slot"}),
        ("The lines with slots are", {"service_date": DAY, "service_time_start": time(11)}),
        ("The lines with slots are", {"slots": {"nothing": "full"}}),
    ):
        with pytest.raises(Refused, match=words):
            moved(world, **request)
        assert world.everything() == before
    world.update("services", "service", reschedule_allowed=False)
    world.slot("free", hour=18)
    with pytest.raises(Refused, match="service cannot be moved"):
        moved(world, time_slot_id="free")


def test_a_late_move_costs_the_customer_a_tenth_on_top(world: BookingWorld) -> None:
    world.slot("later", slot_date=date(2026, 7, 9))
    plain = {"items": [{"service_id": "service", "time_slot_id": "slot"},
                       {"service_id": "service"}, {"service_id": "service"}]}  # fmt: skip
    for number, party, as_of, fee in (
        ("A", "customer", START - timedelta(hours=2), 0),
        ("B", "customer", START - timedelta(hours=2) + SECOND, 30),
        ("C", "admin", START - timedelta(hours=2) + SECOND, 0),
    ):
        first = world.create(number, **plain)
        world.step(number, "paid")
        world.step(number, "confirmed")
        found = moved(world, as_of, order_no=number, time_slot_id="later", requested_by=party)
        assert (found.service_fee, found.total_amount - first.total_amount) == (fee, fee)
        assert found.payment_status == ("partial_paid" if fee else "paid")
        assert sum(line.final_price for line in found.items) == found.total_amount
    assert world.row("services", "service")["revenue"] == 930


def test_orders_without_slots_move_by_time(world: BookingWorld) -> None:
    world.create("A", items=[{"service_id": "service"}], service_date=DAY,
                 service_time_start=time(9))  # fmt: skip
    world.step("A", "paid")
    world.step("A", "confirmed")
    with pytest.raises(Refused, match="agreed for 2026-07-06 09:00:00 already"):
        moved(world, service_date=DAY, service_time_start=time(9))
    with pytest.raises(Refused, match="are needed"):
        moved(world, service_date=DAY)
    with pytest.raises(Refused, match="this one has 0"):
        moved(world, time_slot_id="slot")
    assert moved(world, service_date=DAY, service_time_start=time(8)).service_time_start == time(8)


def test_several_slots_move_together(world: BookingWorld) -> None:
    world.slot("ten", hour=10)
    world.slot("eleven", hour=11)
    lines = [{"service_id": "service", "time_slot_id": key} for key in ("slot", "ten")]
    found = world.create("A", items=lines)
    world.step("A", "paid")
    world.step("A", "confirmed")
    by_slot = {line.time_slot_id: line.id for line in found.items}
    with pytest.raises(Refused, match="this one has 2"):
        moved(world, time_slot_id="eleven")
    after = moved(world, slots={by_slot["slot"]: "ten", by_slot["ten"]: "eleven"})
    assert after.service_time_start == time(10)
    taken = {s["id"]: s["current_bookings"] for s in world.rows("service_time_slots")}
    assert taken == {"slot": 0, "ten": 1, "eleven": 1}


# --- assign --------------------------------------------------------------------------------------


def assigned(world: BookingWorld, **more: Any) -> OrderResult:
    request = AssignProvider.model_validate({"tenant_id": TENANT, "order_no": "A"} | more)
    return assign_provider(world.settings, request)


def test_the_rule_takes_who_may_can_and_has_the_fewest_orders(world: BookingWorld) -> None:
    world.provider("a-unverified", is_verified=False)
    world.provider("b-suspended", status="suspended")
    world.provider("c-off", working_hours={"tue": ["08:00", "18:00"]})
    world.provider("d-unknown", working_hours=None)
    world.provider("e-short", working_hours={"mon": ["08:00", "09:59"]})
    world.provider("f-theirs", tenant_id=OTHER)
    world.provider("g-full", max_concurrent_services=0)
    world.provider("h", max_concurrent_services=2)
    world.provider("i", max_concurrent_services=2, working_hours={"mon": ["09:00", "10:00"]})
    chosen = []
    for number in range(5):
        lead(world, f"A{number}", ("paid", "confirmed"))
        if number < 4:
            chosen.append(assigned(world, order_no=f"A{number}").assigned_provider_id)
    assert chosen == ["h", "i", "h", "i"]
    before = world.everything()
    with pytest.raises(Refused, match="of 8, 3 are active, verified, admitted and at work"):
        assigned(world, order_no="A4")
    assert world.everything() == before
    cancel_order(world.settings, CancelOrder(tenant_id=TENANT, order_no="A1"))
    assert assigned(world, order_no="A4").assigned_provider_id == "i"


def test_services_and_slots_say_who_may_come(world: BookingWorld) -> None:
    for key in ("p1", "p2", "p3"):
        world.provider(key, max_concurrent_services=9)
    world.update("services", "service", available_providers=["p2", "p3"], default_provider_id="p3")
    lead(world, "A", ("paid", "confirmed"))
    assert assigned(world).assigned_provider_id == "p3"
    world.update("service_time_slots", "slot", provider_id="p2")
    assert assigned(world).assigned_provider_id == "p2"
    world.update("service_time_slots", "slot", provider_id="p1")
    with pytest.raises(Refused, match="of 3, 0 are active"):
        assigned(world)
    world.update("services", "service", auto_assign_provider=False)
    with pytest.raises(Refused, match="Providers of service are chosen by people"):
        assigned(world)


def test_people_choose_whom_they_like_among_the_active(world: BookingWorld) -> None:
    world.provider("full", is_verified=False, max_concurrent_services=0, working_hours=None)
    world.provider("gone", status="inactive")
    world.provider("theirs", tenant_id=OTHER)
    lead(world, "A", ("paid", "confirmed"))
    for key, words in (("gone", "is inactive"), ("theirs", "has no provider theirs")):
        with pytest.raises(Refused, match=words):
            assigned(world, provider_id=key)
    assert assigned(world, provider_id="full", method="customer_choice").order_status == "assigned"
    order = only(world.rows("service_orders"))
    assert order["provider_assignment_method"] == "customer_choice"
    world.provider("next")
    steps = len(world.rows("service_order_status_history"))
    later = world.at(AS_OF + SECOND)
    request = AssignProvider(tenant_id=TENANT, order_no="A", provider_id="next")
    assert assign_provider(later, request).assigned_provider_id == "next"
    order = only(world.rows("service_orders"))
    assert order["provider_assigned_at"] == AS_OF + SECOND
    assert (order["assigned_time"], order["order_status"]) == (AS_OF, "assigned")
    assert len(world.rows("service_order_status_history")) == steps
    world.step("A", "in_progress")
    with pytest.raises(Refused, match="is in_progress and cannot become assigned"):
        assigned(world, provider_id="full")


def test_a_moved_order_keeps_its_provider_when_it_is_assigned_again(world: BookingWorld) -> None:
    world.slot("later", hour=15)
    world.provider("p")
    world.provider("a")
    lead(world, "A", ("paid", "confirmed"))
    world.step("A", "assigned", provider_id="p")
    moved(world, time_slot_id="later")
    assert world.step("A", "assigned", AS_OF + HOUR).assigned_provider_id == "p"
    order = only(world.rows("service_orders"))
    assert (order["assigned_time"], order["provider_assigned_at"]) == (AS_OF, AS_OF)


MONDAY = {"mon": ["08:00", "18:00"]}


@pytest.mark.parametrize(
    ("hours", "start", "minutes", "works"),
    [
        (MONDAY, time(8), 600, True), (MONDAY, time(7, 59, 59), 10, False),
        (MONDAY, time(8), 601, False), (MONDAY, time(18), 0, True), (MONDAY, time(18), 1, False),
        ({"mon": ["08:00", "24:00"]}, time(23), 60, True), ({"tue": ["08:00", "18:00"]}, time(9), 1,
        False), ({}, time(9), 1, False), (None, time(9), 1, False), ("all day", time(9), 1, False),
        ({"mon": []}, time(9), 1, False), ({"mon": ["early", "late"]}, time(9), 1, False),
    ],
)  # fmt: skip
def test_working_hours_cover_the_whole_service(
    hours: Any, start: time, minutes: int, works: bool
) -> None:
    begin = datetime.combine(DAY, start)
    assert works_at(hours, begin, begin + timedelta(minutes=minutes)) is works


def test_choosing_is_by_default_then_open_orders_then_id() -> None:
    three = [Candidate("c", 3, 1), Candidate("b", 3, 1), Candidate("a", 2, 2)]
    assert choose(three) == "b"
    assert choose(three, preferred="c") == "c"
    assert choose(three, preferred="a") == "b"
    assert choose([Candidate("a", 2, 2)]) is None


# --- settle --------------------------------------------------------------------------------------


def set_config(world: BookingWorld, key: str, value: Any, tenant: str | None = None) -> None:
    scope = "tenant" if tenant else "global"
    if tenant:
        world.insert("saas_tenants", {"id": tenant, "tenant_code": tenant, "tenant_name": tenant})
    world.insert(
        "saas_unified_configs",
        {"id": f"{scope} {key}"[:36], "tenant_id": tenant, "config_scope": scope,
         "config_category": "x", "config_key": key, "config_value": json.loads(value),
         "status": "active"},
    )  # fmt: skip


def settle(world: BookingWorld, status: str = "processed", **more: Any) -> tuple[Any, ...]:
    (payment,) = world.rows("service_order_payments")
    request = {"tenant_id": TENANT, "payment_id": payment["id"], "settlement_status": status}
    found = settle_payment(world.at(START), SettlePayment.model_validate(request | more))
    return (found.settlement_status, found.settlement_amount, found.platform_fee,
            found.provider_amount)  # fmt: skip


def test_a_payment_is_divided_then_paid_out_once(world: BookingWorld) -> None:
    world.provider("p")
    world.update("services", "service", base_price=Decimal("99.95"))
    lead(world, "A", PATHS["in_progress"])
    with pytest.raises(Refused, match="is in_progress; completed ones are settled"):
        settle(world)
    world.step("A", "completed")
    with pytest.raises(Refused, match="is pending and cannot become completed"):
        settle(world, "completed")
    divided = ("processed", Decimal("99.95"), Decimal("10.00"), Decimal("89.95"))
    assert settle(world) == divided
    before = world.everything()
    assert settle(world) == divided
    assert world.everything() == before
    assert settle(world, "completed") == ("completed", *divided[1:])
    with pytest.raises(Refused, match="is completed and cannot become processed"):
        settle(world)
    payment = only(world.rows("service_order_payments"))
    assert payment["settlement_time"] == START


@pytest.mark.parametrize(
    ("settings", "fee"),
    [
        ([], "10.00"),
        ([("0.2", None)], "20.00"),
        ([("0.2", None), ("0.05", TENANT)], "5.00"),
        ([("0.2", None), ("0.05", OTHER)], "20.00"),
        ([('"0.3"', None)], "30.00"),
        ([("0", None)], "0.00"),
        ([("1", None)], "100.00"),
    ],
)
def test_the_narrowest_setting_says_what_the_platform_keeps(
    world: BookingWorld, settings: list[tuple[str, str | None]], fee: str
) -> None:
    for value, tenant in settings:
        set_config(world, "business.platform_fee_rate", value, tenant)
    world.provider("p")
    lead(world, "A", PATHS["completed"])
    assert settle(world)[2] == Decimal(fee)


@pytest.mark.parametrize("value", ["1.01", "-0.1", '"much"', '"NaN"', "[]"])
def test_a_setting_that_is_no_share_stops_the_settlement(world: BookingWorld, value: str) -> None:
    set_config(world, "business.platform_fee_rate", value)
    world.provider("p")
    lead(world, "A", PATHS["completed"])
    with pytest.raises(WarehouseError, match="platform_fee_rate is"):
        settle(world)


def test_what_was_refunded_is_not_divided(world: BookingWorld) -> None:
    world.provider("p")
    lead(world, "A", PATHS["completed"])
    (payment,) = world.rows("service_order_payments")
    world.update("service_order_payments", payment["id"], refund_amount=Decimal("40.00"),
                 payment_status="partial_refunded")  # fmt: skip
    (order,) = world.rows("service_orders")
    world.update("service_orders", order["id"], refund_amount=Decimal("40.00"))
    assert settle(world) == ("processed", 60, 6, 54)
    world.step("A", "refunded")
    payment = only(world.rows("service_order_payments"))
    assert (payment["settlement_status"], payment["settlement_amount"]) == ("pending", 0)
    with pytest.raises(Refused, match="nothing to divide"):
        settle(world)
    with pytest.raises(Refused, match="has no payment"):
        settle(world, tenant_id=OTHER)


# --- capacity by hand ----------------------------------------------------------------------------


def test_capacity_is_changed_by_hand_with_an_entry(world: BookingWorld) -> None:
    world.variant()
    made = []
    for kind, key, change, quantity, steps in (
        ("service", "service", "adjust", -400, (1000, 600)),
        ("service", "service", "block", 100, (600, 500)),
        ("service", "service", "book", 5, (500, 495)),
        ("service", "service", "complete", 2, (495, 495)),
        ("service", "service", "cancel", 3, (495, 498)),
        ("service", "service", "release", 100, (498, 598)),
        ("variant", "variant", "book", 50, (50, 0)),
        ("variant", "variant", "complete", 20, (0, 20)),
        ("variant", "variant", "block", 20, (20, 0)),
        ("variant", "variant", "adjust", 7, (0, 7)),
        ("time_slot", "slot", "adjust", -8, (10, 2)),
        ("time_slot", "slot", "block", 1, (2, 2)),
        ("time_slot", "slot", "release", 1, (2, 2)),
        ("time_slot", "slot", "book", 2, (2, 0)),
        ("time_slot", "slot", "complete", 1, (0, 0)),
    ):
        found = change_capacity(
            world.settings,
            CapacityRequest.model_validate(
                {"tenant_id": TENANT, "capacity_type": kind, "capacity_id": key, "reason": "盘点",
                 "change_type": change, "quantity": quantity, "operator_id": "u"}
            ),
        )  # fmt: skip
        assert (found.before_capacity, found.after_capacity) == steps
        made.append((kind, key, change, quantity, *steps))
    columns = ("capacity_type", "capacity_id", "change_type", "change_quantity",
               "before_capacity", "after_capacity")  # fmt: skip
    logs = world.rows("service_capacity_logs")
    assert sorted(tuple(log[c] for c in columns) for log in logs) == sorted(made)
    assert {(log["reason"], log["operator_id"], log["booking_id"]) for log in logs} == {
        ("盘点", "u", None)
    }
    of_change = {log["change_type"]: log["business_type"] for log in logs}
    assert of_change == {"book": "booking", "cancel": "cancellation", "complete": "completion",
                         "adjust": "adjustment", "block": None, "release": None}  # fmt: skip
    service, variant = world.row("services", "service"), world.row("service_variants", "variant")
    assert (service["available_slots"], service["booked_slots"]) == (598, 0)
    assert (variant["capacity"], variant["booked_capacity"]) == (37, 30)
    slot = world.row("service_time_slots", "slot")
    assert (slot["max_bookings"], slot["current_bookings"], slot["status"]) == (2, 2, "completed")
    before = world.everything()
    for kind, key, change, quantity in (
        ("service", "service", "book", 599), ("service", "service", "cancel", 1),
        ("variant", "variant", "adjust", -8), ("time_slot", "slot", "book", 1),
        ("service", "none", "book", 1),
    ):  # fmt: skip
        request = CapacityRequest.model_validate(
            {"tenant_id": TENANT, "capacity_type": kind, "capacity_id": key,
             "change_type": change, "quantity": quantity}
        )  # fmt: skip
        with pytest.raises(Refused):
            change_capacity(world.settings, request)
    assert world.everything() == before


# --- requests and commands -----------------------------------------------------------------------


BASE = {"tenant_id": TENANT, "order_no": "A", "order_source": "app", "items": [{"service_id": "s"}],
        "service_location_type": "online"}  # fmt: skip
FAULTS: tuple[tuple[type[Any], Row, str], ...] = (
    (CreateOrder, BASE | {"surprise": 1}, "surprise"),
    (CreateOrder, BASE | {"items": []}, "items"),
    (CreateOrder, BASE | {"items": [{"service_id": "s", "quantity": 0}]}, "items.0.quantity"),
    (CreateOrder, BASE | {"items": [{"service_id": "s", "quantity": 1.5}]}, "items.0.quantity"),
    (CreateOrder, BASE | {"items": [{"service_id": "s" * 37}]}, "items.0.service_id"),
    (CreateOrder, BASE | {"order_no": ""}, "order_no"),
    (CreateOrder, BASE | {"order_no": "x" * 51}, "order_no"),
    (CreateOrder, BASE | {"order_source": "fax"}, "order_source"),
    (CreateOrder, BASE | {"service_time_start": "09:00+08:00"}, "service_time_start"),
    (CreateOrder, BASE | {"service_time_start": "09:00:00.5"}, "service_time_start"),
    (CreateOrder, BASE | {"coupon_codes": ["C", "C"]}, "coupon_codes"),
    (CreateOrder, BASE | {"service_location_type": "onsite"}, "service_address"),
    (CancelOrder, {"tenant_id": TENANT}, "order_id"),
    (CancelOrder, {"tenant_id": TENANT, "order_no": "A", "order_id": "a"}, "order_id"),
    (ChangeStatus, {"tenant_id": TENANT, "order_no": "A", "new_status": "lost"}, "new_status"),
    (ChangeStatus, {"tenant_id": TENANT, "order_no": "A", "new_status": "paid",
                    "provider_id": "p"}, "provider_id"),
    (CapacityRequest, {"tenant_id": TENANT, "capacity_type": "service", "capacity_id": "s",
                       "change_type": "book", "quantity": -1}, "quantity"),
    (CapacityRequest, {"tenant_id": TENANT, "capacity_type": "service", "capacity_id": "s",
                       "change_type": "adjust", "quantity": 0}, "quantity"),
)  # fmt: skip


@pytest.mark.parametrize(("model", "request_", "path"), FAULTS)
def test_a_request_that_makes_no_sense_names_its_fault(
    model: type[Any], request_: Row, path: str
) -> None:
    with pytest.raises(WarehouseError, match=path) as caught:
        parse_request(model, json.dumps(request_))
    assert "it may hold tenant_id" in caught.value.fix
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(request_))


def test_requests_that_are_no_json_are_refused() -> None:
    for text in (b"", b"{", b"\xff", b"[]"):
        with pytest.raises(WarehouseError, match="cannot be understood"):
            parse_request(CreateOrder, text)


def test_orders_by_number_and_by_id_are_the_tenant_s_own(world: BookingWorld) -> None:
    found = world.create("A")
    for request in (
        {"tenant_id": OTHER, "order_no": "A"},
        {"tenant_id": OTHER, "order_id": found.order_id},
        {"tenant_id": TENANT, "order_no": "B"},
        {"tenant_id": TENANT, "order_no": "a"},
        {"tenant_id": TENANT, "order_id": "none"},
    ):
        with pytest.raises(Refused, match="has no order"):
            cancel_order(world.settings, CancelOrder.model_validate(request))
    by_id = ChangeStatus(tenant_id=TENANT, order_id=found.order_id, new_status="cancelled")
    assert change_order_status(world.settings, by_id).order_status == "cancelled"


def test_the_commands_take_json_and_answer_in_json(
    world: BookingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.settings.child_environment().items():
        monkeypatch.setenv(name, value)
    world.provider("p")
    world.slot("later", hour=15)

    def call(*command: str, **request: Any) -> Row:
        text = json.dumps({"tenant_id": TENANT} | request)
        done = CliRunner().invoke(cli.app, [*command, "-"], input=text)
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    request = json.loads(booking("A").model_dump_json(exclude_none=True))
    first = call("order", "create", **request)
    assert (first["created"], first["total_amount"]) == (True, "100.00")
    assert call("order", "create", **request) == first | {"created": False}
    payment = {"payment_no": "P", "payment_method": "alipay", "payment_amount": "100.00"}
    call("order", "status", order_no="A", new_status="paid", payment=payment)
    call("order", "status", order_no="A", new_status="confirmed")
    moved = call("order", "reschedule", order_no="A", time_slot_id="later")
    assert moved["service_time_start"] == "15:00:00"
    assert call("order", "assign", order_no="A")["assigned_provider_id"] == "p"
    call("order", "status", order_no="A", new_status="in_progress")
    call("order", "status", order_no="A", new_status="completed")
    (row,) = world.rows("service_order_payments")
    assert call("order", "settle", payment_id=row["id"])["platform_fee"] == "10.00"
    call("order", "create", **request | {"order_no": "B"})
    assert call("order", "cancel", order_no="B")["order_status"] == "cancelled"
    change = {"capacity_type": "time_slot", "capacity_id": "slot", "change_type": "adjust"}
    assert call("capacity", "change", **change, quantity=2)["after_capacity"] == 12
    missing = CliRunner().invoke(cli.app, ["order", "cancel", "nowhere.json"])
    assert "There is no file nowhere.json" in str(missing.exception)
    failed = CliRunner().invoke(cli.app, ["order", "cancel", "-"], input='{"tenant_id": "t"}')
    assert isinstance(failed.exception, WarehouseError)
