"""Moving an order to a new time: the new slots are booked and the old ones given back at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from orchestration.operations.business_booking import (
    NO_TIME,
    fault_of,
    slot_start,
    time_columns,
    time_given,
    window_faults,
)
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
    agreed_start,
    count_sales,
    enter,
    fee_for_change,
    find_order,
    lines_of,
    order_cause,
    order_result,
    require_step,
)
from orchestration.operations.business_requests import OrderResult, RescheduleOrder
from orchestration.operations.business_rows import Refused, Row, Unit, in_one_transaction
from orchestration.operations.pricing import NOTHING, split_evenly
from orchestration.settings import Settings


def reschedule_order(settings: Settings, request: RescheduleOrder) -> OrderResult:
    """Move an order to another time: the new slots are booked and the old ones given back at once.

    A customer who moves it later than the services' policy allows owes the fee.
    """
    return in_one_transaction(settings, partial(_reschedule, request))


def _reschedule(request: RescheduleOrder, unit: Unit) -> OrderResult:
    order = find_order(unit, request)
    require_step(order, "rescheduled")
    actor, lines = Actor.of(request), lines_of(unit, order["id"])
    moves = _moves(request, lines)
    moving = [line for line in lines if line["id"] in moves]
    changes = [
        Change(SLOT, line["time_slot_id"], "cancel", line["quantity"]) for line in moving
    ] + [Change(SLOT, moves[line["id"]], "book", line["quantity"]) for line in moving]
    # Services are locked for their figures, which a fee moves.
    own = [Change(SERVICE, line["service_id"], "cancel", 1) for line in lines]
    own += [
        Change(VARIANT, line["variant_id"], "cancel", 1) for line in lines if line["variant_id"]
    ]
    things = lock_things(unit, [*own, *changes])
    services = [things[SERVICE, line["service_id"]] for line in lines]
    faults = _slot_faults(moving, moves, things)
    if not faults:
        slots = [things[SLOT, key] for key in moves.values()]
        start, faults = _new_start(request, order, slots)
        for line, service in zip(lines, services, strict=True):
            own = things[SLOT, moves[line["id"]]] if line["id"] in moves else None
            faults += _move_faults(service, slot_start(own) if own else start, unit.as_of)
        faults = faults or fault_of(lambda: plan_changes(things, changes))
    if faults:
        raise Refused(
            f"Order {order['order_no']} cannot be moved: {'; '.join(faults)}.",
            fix="choose another time; nothing was written.",
        )
    fee = NOTHING
    if request.requested_by == "customer":
        fee = fee_for_change(unit, order, services)
    values = time_columns(start, order["estimated_duration_minutes"] or 0, slots) | {
        "rescheduled_from_date": order["service_date"],
        "rescheduled_from_time": order["service_time_start"],
        "reschedule_reason": request.reason,
        "reschedule_count": (order["reschedule_count"] or 0) + 1,
    }
    values |= _charge(unit, order, lines, fee)
    cause = order_cause({**order, **values}, actor)
    before = order_cause(order, actor)
    apply_changes(unit, things, changes, lambda c: before if c.change == "cancel" else cause)
    for line in moving:
        unit.update("service_order_items", line["id"], {"time_slot_id": moves[line["id"]]})
    enter(unit, order, "rescheduled", actor, values)
    return order_result(unit, order["id"])


def _moves(request: RescheduleOrder, lines: Sequence[Row]) -> dict[str, str]:
    """The new slot of each line that has one; Refused unless every one of them gets one."""
    slotted = [line["id"] for line in lines if line["time_slot_id"] is not None]
    moves: dict[str, str] = dict(request.slots)
    if request.time_slot_id is not None and len(slotted) == 1 and not moves:
        moves = {slotted[0]: request.time_slot_id}
    elif request.time_slot_id is not None:
        raise Refused(
            f"time_slot_id moves an order with one slot, this one has {len(slotted)}.",
            fix="give slots, from line to new slot." if slotted else "give service_date and start.",
        )
    if set(moves) != set(slotted):
        raise Refused(
            f"The lines with slots are {', '.join(sorted(slotted)) or 'none'}.",
            fix="give a new slot for each of them, and for no other line.",
        )
    return moves


def _slot_faults(
    moving: Sequence[Row], moves: Mapping[str, str], things: Mapping[tuple[str, str], Row]
) -> list[str]:
    faults = []
    for line in moving:
        key = moves[line["id"]]
        slot = things.get((SLOT, key))
        if slot is None or slot["service_id"] != line["service_id"]:
            faults.append(f"service {line['service_id']} has no time slot {key}")
        elif key == line["time_slot_id"]:
            faults.append(f"slot {key} is the one it has")
        elif slot["slot_type"] == "maintenance":
            faults.append(f"slot {key} is for maintenance")
    return faults


def _new_start(
    request: RescheduleOrder, order: Row, slots: Sequence[Row]
) -> tuple[datetime, list[str]]:
    start, faults = time_given(request.service_date, request.service_time_start, slots)
    if start is None:
        return agreed_start(order), [NO_TIME]
    if not slots and start == agreed_start(order):
        faults.append(f"it is agreed for {start} already")
    return start, faults


def _move_faults(service: Row, start: datetime, as_of: datetime) -> list[str]:
    allowed = service["reschedule_allowed"]
    faults = [] if allowed else [f"{service['service_code']} cannot be moved"]
    return faults + window_faults(service, start, as_of)


def _charge(unit: Unit, order: Row, lines: Sequence[Row], fee: Decimal) -> dict[str, Any]:
    """Put a fee on the order and its lines; what was paid is then a part of what is owed."""
    if not fee:
        return {}
    shares = split_evenly(fee, len(lines))
    for line, share in zip(lines, shares, strict=True):
        more = {
            "base_service_fee": (line["base_service_fee"] or NOTHING) + share,
            "final_price": line["final_price"] + share,
        }
        unit.update("service_order_items", line["id"], more)
    count_sales(
        unit,
        [{**line, "final_price": share} for line, share in zip(lines, shares, strict=True)],
        sign=1,
    )
    paid = order["paid_amount"] or NOTHING
    return {
        "service_fee": (order["service_fee"] or NOTHING) + fee,
        "total_amount": order["total_amount"] + fee,
        "payment_status": "partial_paid" if paid > 0 else order["payment_status"],
    }
