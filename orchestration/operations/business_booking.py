"""Booking: an order with its lines, places, coupons and price at once.

Everything is checked under the locks before the first row is written.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from sqlalchemy.exc import IntegrityError

from orchestration.operations.business_capacity import (
    SERVICE,
    SLOT,
    VARIANT,
    Change,
    apply_changes,
    lock_things,
    plan_changes,
)
from orchestration.operations.business_orders import (
    Actor,
    count_sales,
    order_cause,
    order_result,
    place_changes,
    write_history,
)
from orchestration.operations.business_requests import (
    CreateOrder,
    ItemRequest,
    OrderResult,
)
from orchestration.operations.business_rows import Refused, Row, Unit, in_one_transaction
from orchestration.operations.order_states import FIRST, STATES
from orchestration.operations.pricing import (
    NOTHING,
    Coupon,
    Price,
    Priceable,
    price_order,
)
from orchestration.settings import Settings

FINGERPRINT = "request_sha256"
NO_TIME = "service_date and service_time_start are needed where no slot gives them"


@dataclass(frozen=True)
class Line:
    """A line that was asked for, with the locked rows that it names."""

    item: ItemRequest
    service: Row
    variant: Row | None
    slot: Row | None

    @property
    def minutes(self) -> int | None:
        """Its length: the variant's, else the slot's, else the service's."""
        for row in (self.variant, self.slot, self.service):
            if row is not None and row["duration_minutes"] is not None:
                return row["duration_minutes"]
        return None

    @property
    def priceable(self) -> Priceable:
        """What pricing looks at."""
        return Priceable(
            self.service["pricing_model"] or "fixed",
            self.item.quantity,
            self.minutes,
            self.service["base_price"],
            self.service["sale_price"],
            self.slot and self.slot["final_price"],
            self.variant and self.variant["price"],
        )


def create_order(settings: Settings, request: CreateOrder) -> OrderResult:
    """Place an order, or answer with the one that the same request placed before.

    Refused, with every reason, when it cannot be; also for a known order_no with other content.
    """
    try:
        return in_one_transaction(settings, partial(_create, request))
    except IntegrityError:
        # Somebody placed the same order_no in the meantime; if not so, the error comes again.
        return in_one_transaction(settings, partial(_create, request))


def fingerprint(request: CreateOrder) -> str:
    """What the first history row keeps of a request, so that a repeated one is known again."""
    content = json.dumps(request.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _create(request: CreateOrder, unit: Unit) -> OrderResult:
    if (earlier := _placed_before(unit, request)) is not None:
        return earlier
    coupons = unit.table("marketing_coupons")
    offered = (
        coupons.c.tenant_id == request.tenant_id,
        coupons.c.coupon_code.in_(request.coupon_codes),
    )
    ids = [row["id"] for row in unit.rows(coupons.name, *offered)] if request.coupon_codes else []
    changes = place_changes([item.model_dump() for item in request.items], "book")
    things = lock_things(unit, changes)
    by_code = {row["coupon_code"]: row for row in unit.lock(coupons.name, ids).values()}

    lines, faults = _known_lines(request, things)
    if faults:
        raise _refusal(faults)
    start, late = _start(request, lines, unit.as_of)
    faults = [*late, *_line_faults(lines, start, unit.as_of)]
    faults += _coupon_faults(request, by_code, lines, unit.as_of)
    faults += fault_of(lambda: plan_changes(things, changes))
    if faults:
        raise _refusal(faults)
    price = price_order(
        [line.priceable for line in lines],
        [_terms(by_code[code]) for code in request.coupon_codes],
        onsite=request.service_location_type == "onsite",
    )
    return _write_order(unit, request, lines, price, start, things, changes, by_code)


def _placed_before(unit: Unit, request: CreateOrder) -> OrderResult | None:
    orders, history = unit.table("service_orders"), unit.table("service_order_status_history")
    same = (orders.c.tenant_id == request.tenant_id, orders.c.order_no == request.order_no)
    found = unit.rows(orders.name, *same)
    if not found:
        return None
    first = (history.c.order_id == found[0]["id"], history.c.old_status.is_(None))
    told = [row["extra_data"] or {} for row in unit.rows(history.name, *first)]
    if fingerprint(request) not in [known.get(FINGERPRINT) for known in told]:
        raise Refused(
            f"Order {request.order_no} exists with other content.",
            fix="repeat the first request unchanged, or give the new order its own order_no.",
        )
    return order_result(unit, found[0]["id"])


def _refusal(faults: Sequence[str]) -> Refused:
    return Refused(
        f"The order cannot be placed: {'; '.join(faults)}.",
        fix="correct the order; nothing was written.",
    )


def fault_of(check: Callable[[], object]) -> list[str]:
    """What a check refuses, as a reason among others."""
    try:
        check()
    except Refused as refused:
        return [refused.message.rstrip(".")]
    return []


def _known_lines(
    request: CreateOrder, things: Mapping[tuple[str, str], Row]
) -> tuple[list[Line], list[str]]:
    """The lines with their rows, and what of them is unknown or belongs elsewhere."""
    lines, faults = [], []
    for number, item in enumerate(request.items):
        rows: dict[str, Row | None] = {}
        for kind, key in (
            (SERVICE, item.service_id),
            (VARIANT, item.variant_id),
            (SLOT, item.time_slot_id),
        ):
            row = rows[kind] = things.get((kind, key)) if key is not None else None
            own = row is not None and row["tenant_id"] == request.tenant_id
            if own and kind != SERVICE:
                own = row is not None and row["service_id"] == item.service_id
            if key is not None and not own:
                of = "the tenant" if kind == SERVICE else f"service {item.service_id}"
                faults.append(f"items[{number}]: {of} has no {kind.replace('_', ' ')} {key}")
        if rows[SERVICE] is not None:
            lines.append(Line(item, rows[SERVICE], rows[VARIANT], rows[SLOT]))
    return lines, faults


def _start(
    request: CreateOrder, lines: Sequence[Line], as_of: datetime
) -> tuple[datetime, list[str]]:
    """When the service begins; at once only where no appointment is needed."""
    slots = [line.slot for line in lines if line.slot is not None]
    start, faults = time_given(request.service_date, request.service_time_start, slots)
    if start is not None:
        return start, faults
    at_once = request.order_type in ("immediate", "emergency") and not any(
        line.service["requires_appointment"] for line in lines
    )
    untimed = request.service_date is None and request.service_time_start is None
    return as_of, [] if at_once and untimed else [NO_TIME]


def time_given(
    day: date | None, clock: time | None, slots: Sequence[Row]
) -> tuple[datetime | None, list[str]]:
    """The first slot's start, with which what is given must agree; else what is given, if it is."""
    if slots:
        start = min(slot_start(slot) for slot in slots)
        agrees = day in (None, start.date()) and clock in (None, start.time())
        return start, [] if agrees else [f"the slot begins at {start}, not at the time given"]
    if day is None or clock is None:
        return None, []
    return datetime.combine(day, clock), []


def time_columns(start: datetime, minutes: int, slots: Sequence[Row]) -> dict[str, Any]:
    """An order's agreed day, start and end; no end past midnight or without a length."""
    ends = [datetime.combine(slot["slot_date"], slot["end_time"]) for slot in slots]
    end = max(ends, default=start + timedelta(minutes=minutes))
    known = start < end and end.date() == start.date()
    return {
        "service_date": start.date(),
        "service_time_start": start.time(),
        "service_time_end": end.time() if known else None,
    }


def slot_start(slot: Row) -> datetime:
    """When a slot begins."""
    return datetime.combine(slot["slot_date"], slot["start_time"])


def _line_faults(lines: Sequence[Line], start: datetime, as_of: datetime) -> list[str]:
    faults = []
    for number, line in enumerate(lines):
        item, service = line.item, line.service
        found = []
        if service["status"] != "active":
            found.append(f"service {service['service_code']} is {service['status']}")
        if line.variant is not None and line.variant["status"] != "active":
            found.append(f"variant {line.variant['variant_code']} is {line.variant['status']}")
        least, most = service["min_booking_quantity"] or 1, service["max_booking_quantity"]
        if item.quantity < least or (most is not None and item.quantity > most):
            limits = f"at least {least}" if most is None else f"{least} to {most}"
            found.append(f"quantity {item.quantity}, {limits} can be ordered")
        if line.slot is not None and line.slot["slot_type"] == "maintenance":
            found.append("the slot is for maintenance")
        own = start if line.slot is None else slot_start(line.slot)
        found += window_faults(service, own, as_of)
        faults += [f"items[{number}]: {fault}" for fault in found]
    return faults


def window_faults(service: Row, start: datetime, as_of: datetime) -> list[str]:
    """What speaks against this start: too soon, or outside of what can be booked."""
    code, found = service["service_code"], []
    earliest = as_of + timedelta(hours=service["advance_booking_hours"] or 0)
    if start < earliest:
        found.append(f"{code} can be booked from {earliest} on, not for {start}")
    if service["available_from"] is not None and start < service["available_from"]:
        found.append(f"{code} is offered from {service['available_from']} on, not at {start}")
    if service["available_to"] is not None and start > service["available_to"]:
        found.append(f"{code} is offered until {service['available_to']}, not at {start}")
    return found


def _coupon_faults(
    request: CreateOrder, by_code: Mapping[str, Row], lines: Sequence[Line], as_of: datetime
) -> list[str]:
    faults = []
    for code in request.coupon_codes:
        fault = _coupon_fault(by_code.get(code), request.customer_id, lines, as_of)
        faults += [f"coupon {code} {fault}"] if fault else []
    return faults


def _coupon_fault(
    coupon: Row | None, customer: str | None, lines: Sequence[Line], as_of: datetime
) -> str | None:
    if coupon is None:
        return "is not one of the tenant's"
    if (coupon["used_count"] or 0) >= (coupon["usage_limit"] or 1) or coupon["status"] == "used":
        return "is used up"
    if coupon["status"] != "active":
        return f"is {coupon['status']}"
    if not coupon["start_time"] <= as_of <= coupon["end_time"]:
        return f"is valid from {coupon['start_time']} to {coupon['end_time']}"
    owner = coupon["issued_to_user"]
    if owner not in (None, customer) and not coupon["is_transferable"]:
        return "was issued to somebody else"
    for column, key in (("applicable_products", "id"), ("applicable_categories", "category_id")):
        if coupon[column] and any(line.service[key] not in coupon[column] for line in lines):
            return "does not cover every line"
    return None


def _terms(coupon: Row) -> Coupon:
    return Coupon(
        coupon["coupon_code"],
        coupon["coupon_type"],
        coupon["discount_value"],
        coupon["min_order_amount"] or NOTHING,
        coupon["max_discount_amount"],
    )


def _write_order(
    unit: Unit,
    request: CreateOrder,
    lines: Sequence[Line],
    price: Price,
    start: datetime,
    things: Mapping[tuple[str, str], Row],
    changes: Sequence[Change],
    coupons: Mapping[str, Row],
) -> OrderResult:
    actor = Actor(request.operator_type, request.operator_id)
    order = _order_row(unit, request, lines, price, start)
    unit.insert("service_orders", [order])
    items = [
        _item_row(order, line, priced) for line, priced in zip(lines, price.lines, strict=True)
    ]
    unit.insert("service_order_items", items)
    cause = order_cause(order, actor)
    apply_changes(unit, things, changes, lambda _: cause)
    count_sales(unit, items, booked=1, sign=1)
    for code in request.coupon_codes:
        _redeem(unit, coupons[code], order)
    write_history(unit, order, None, actor, {"extra_data": {FINGERPRINT: fingerprint(request)}})
    return order_result(unit, order["id"], created=True)


def _order_row(
    unit: Unit, request: CreateOrder, lines: Sequence[Line], price: Price, start: datetime
) -> dict[str, Any]:
    asked = request.model_dump(
        include={
            "tenant_id", "order_no", "order_source", "order_type", "external_order_no",
            "customer_id", "customer_type", "contact_info", "service_location_type",
            "service_address", "special_instructions", "notes",
        }
    )  # fmt: skip
    minutes = sum(line.minutes or 0 for line in lines)
    slots = [line.slot for line in lines if line.slot is not None]
    return (
        asked
        | time_columns(start, minutes, slots)
        | {
            "id": str(uuid.uuid4()),
            "is_recurring": request.order_type == "recurring",
            "estimated_duration_minutes": minutes or None,
            "assigned_provider_id": None,
            "order_status": FIRST,
            "payment_status": "unpaid",
            "service_status": STATES[FIRST].service_status,
            "subtotal": price.subtotal,
            "travel_fee": price.travel_fee,
            "discount_amount": price.discount,
            "total_amount": price.total,
            "coupon_codes": list(request.coupon_codes) or None,
            "discount_details": [
                {"coupon": code, "amount": float(amount)} for code, amount in price.reductions
            ]
            or None,
            "order_time": unit.as_of,
            "created_by": request.operator_id if request.operator_type == "admin" else None,
        }
    )


def _item_row(order: Row, line: Line, priced: Any) -> dict[str, Any]:
    service, variant, slot = line.service, line.variant, line.slot
    return {
        "tenant_id": order["tenant_id"],
        "order_id": order["id"],
        "service_id": service["id"],
        "variant_id": variant and variant["id"],
        "time_slot_id": slot and slot["id"],
        "service_name": service["service_name"],
        "variant_name": variant and variant["variant_name"],
        "service_image": service["main_image_url"],
        "service_attributes": variant and variant["attributes"],
        "service_level": variant and variant["service_level"],
        "duration_minutes": line.minutes,
        "unit_price": priced.unit_price,
        "quantity": line.item.quantity,
        "subtotal": priced.subtotal,
        "travel_fee": priced.travel_fee,
        "discount_amount": priced.discount,
        "final_price": priced.final,
        "service_snapshot": {
            "name": service["service_name"],
            "unit_price": float(priced.unit_price),
            "minutes": line.minutes,
        },
        "service_status": STATES[FIRST].line_status,
    }


def _redeem(unit: Unit, coupon: Row, order: Row) -> None:
    used = (coupon["used_count"] or 0) + 1
    values = {
        "used_count": used,
        "used_by_user": order["customer_id"],
        "used_order_id": order["id"],
        "used_at": unit.as_of,
    }
    if used >= (coupon["usage_limit"] or 1):
        values["status"] = "used"
    unit.update("marketing_coupons", coupon["id"], values)
