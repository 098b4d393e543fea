"""Orders on their way through the states: each step with its row, its lines and its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa

from orchestration.operations.business_capacity import (
    SERVICE,
    SLOT,
    TABLES,
    VARIANT,
    Change,
    apply_changes,
    lock_things,
)
from orchestration.operations.business_payments import give_back, lock_payments, receive
from orchestration.operations.business_providers import choose_provider
from orchestration.operations.business_requests import (
    AssignProvider,
    CancelOrder,
    ChangeStatus,
    OrderLine,
    OrderRequest,
    OrderResult,
)
from orchestration.operations.business_rows import Refused, Row, Unit, in_one_transaction, owned
from orchestration.operations.order_states import STATES, may_become
from orchestration.operations.pricing import NOTHING, late_fee
from orchestration.settings import Settings

CANCELLATION_FEE_RATE, USUAL_RATE = "business.cancellation_fee_rate", "0.10"
# where another provider may still take an order over
REASSIGNABLE = ("assigned", "preparing")
PARTIES = {"customer": "customer", "provider": "provider", "admin": "admin"}


@dataclass(frozen=True)
class Actor:
    """Who wants a step, and why."""

    operator_type: str
    operator_id: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, request: OrderRequest) -> Actor:
        """The one whom a request names."""
        return cls(request.operator_type, request.operator_id, request.reason)


# --- what callers ask for ------------------------------------------------------------------------


def change_order_status(settings: Settings, request: ChangeStatus) -> OrderResult:
    """Take an order one step further, with all that the step brings; Refused for other steps."""
    return in_one_transaction(settings, partial(_change_status, request))


def cancel_order(settings: Settings, request: CancelOrder) -> OrderResult:
    """Cancel an order: places and coupons go back, a customer who is late owes the fee."""

    def work(unit: Unit) -> OrderResult:
        order = find_order(unit, request)
        require_step(order, "cancelled")
        cancel(unit, order, Actor.of(request), request.cancelled_by)
        return order_result(unit, order["id"])

    return in_one_transaction(settings, work)


def assign_provider(settings: Settings, request: AssignProvider) -> OrderResult:
    """Give an order to a provider, by rule or by name; again while the work has not begun."""

    def work(unit: Unit) -> OrderResult:
        order = find_order(unit, request)
        moves = may_become(order["order_status"], "assigned")
        if not moves and order["order_status"] not in REASSIGNABLE:
            require_step(order, "assigned")
        chosen = choose_provider(
            unit, order, lines_of(unit, order["id"]), request.provider_id, request.method
        )
        if moves:
            enter(unit, order, "assigned", Actor.of(request), chosen)
        elif chosen["assigned_provider_id"] != order["assigned_provider_id"]:
            unit.update("service_orders", order["id"], chosen)
        return order_result(unit, order["id"])

    return in_one_transaction(settings, work)


def _change_status(request: ChangeStatus, unit: Unit) -> OrderResult:
    order, new, actor = find_order(unit, request), request.new_status, Actor.of(request)
    require_step(order, new)
    told = {
        "location_info": request.location_info,
        "device_info": request.device_info,
        "extra_data": request.extra_data,
    }
    match new:
        case "cancelled":
            cancel(unit, order, actor, PARTIES.get(actor.operator_type, "system"), told)
        case "completed":
            _complete(unit, order, actor, told)
        case "refunded":
            _refund(unit, order, actor, told)
        case "rescheduled":
            raise Refused(
                f"Order {order['order_no']} cannot be moved without a new time.",
                fix="use `warehouse order reschedule`.",
            )
        case _:
            enter(unit, order, new, actor, _values(unit, order, request), told)
    return order_result(unit, order["id"])


def _values(unit: Unit, order: Row, request: ChangeStatus) -> Mapping[str, Any]:
    match request.new_status:
        case "paid":
            return receive(unit, order, lock_payments(unit, order["id"]), request.payment)
        case "assigned" if request.provider_id or order["assigned_provider_id"] is None:
            return choose_provider(
                unit, order, lines_of(unit, order["id"]), request.provider_id, "manual"
            )
    return {}


# --- orders and their lines ----------------------------------------------------------------------


def find_order(unit: Unit, request: OrderRequest) -> Row:
    """The order that a request names, locked."""
    orders, key = unit.table("service_orders"), request.order_id
    if key is None:
        same = (orders.c.tenant_id == request.tenant_id, orders.c.order_no == request.order_no)
        # MySQL's collation takes a and A for the same.
        found = [r for r in unit.rows(orders.name, *same) if r["order_no"] == request.order_no]
        if not found:
            raise Refused(
                f"Tenant {request.tenant_id} has no order {request.order_no}.",
                fix="correct order_no.",
            )
        key = found[0]["id"]
    return owned(unit.lock(orders.name, [key]), key, request.tenant_id, "order")


def lines_of(unit: Unit, order_id: str) -> list[Row]:
    """The order's lines; whoever changes them holds the order's lock."""
    items = unit.table("service_order_items")
    return unit.rows(items.name, items.c.order_id == order_id)


def require_step(order: Row, new: str) -> None:
    """Refused unless the state machine allows the step."""
    old = order["order_status"]
    if not may_become(old, new):
        allowed = ", ".join(STATES[old].leads_to) or "nothing"
        raise Refused(
            f"Order {order['order_no']} is {old} and cannot become {new}.",
            fix=f"{old} leads to {allowed}; docs/order-states.md shows all steps.",
        )


def agreed_start(order: Row) -> datetime:
    """When the service is to begin; at midnight where only the day is known."""
    return datetime.combine(order["service_date"], order["service_time_start"] or time.min)


def enter(
    unit: Unit,
    order: Row,
    new: str,
    actor: Actor,
    values: Mapping[str, Any] = {},
    told: Mapping[str, Any] = {},
    line_values: Mapping[str, Any] = {},
) -> None:
    """Write an order into a state: its row, its lines, and a row of its history."""
    state = STATES[new]
    outcome = "completed" if order["complete_time"] is not None else "cancelled"
    row = {"order_status": new, "service_status": state.service_status or outcome} | dict(values)
    if state.stamp and order[state.stamp] is None:
        row[state.stamp] = unit.as_of
    if new == "in_progress":
        line_values = {"actual_start_time": unit.as_of}
    unit.update("service_orders", order["id"], row)
    for line in lines_of(unit, order["id"]):
        status = {"service_status": state.line_status or outcome}
        unit.update("service_order_items", line["id"], status | dict(line_values))
    write_history(unit, {**order, **row}, order["order_status"], actor, told)


def write_history(
    unit: Unit, order: Row, old: str | None, actor: Actor, told: Mapping[str, Any] = {}
) -> None:
    """The step that led to the order's state as it is now."""
    unit.insert(
        "service_order_status_history",
        [
            {
                "tenant_id": order["tenant_id"],
                "order_id": order["id"],
                "old_status": old,
                "new_status": order["order_status"],
                "change_reason": actor.reason,
                "operator_type": actor.operator_type,
                "operator_id": actor.operator_id,
                "provider_id": order["assigned_provider_id"],
                "service_date": order["service_date"],
                "service_time": order["service_time_start"],
            }
            | dict(told)
        ],
    )


def order_result(unit: Unit, order_id: str, *, created: bool = False) -> OrderResult:
    """The order as it stands in this transaction."""
    orders = unit.table("service_orders")
    (order,) = unit.rows(orders.name, orders.c.id == order_id)
    named = [name for name in OrderResult.model_fields if name in order]
    return OrderResult(
        order_id=order_id,
        created=created,
        items=tuple(
            OrderLine(**{name: line[name] for name in OrderLine.model_fields})
            for line in lines_of(unit, order_id)
        ),
        **{name: order[name] for name in named},
    )


# --- steps that move more than the order ---------------------------------------------------------


def place_changes(lines: Sequence[Row], change: str) -> list[Change]:
    """The change for all places that the lines hold."""
    return [
        Change(kind, line[column], change, line["quantity"])
        for line in lines
        for kind, column in (
            (SERVICE, "service_id"),
            (VARIANT, "variant_id"),
            (SLOT, "time_slot_id"),
        )
        if line[column] is not None
    ]


def order_cause(order: Row, actor: Actor) -> Mapping[str, Any]:
    """What the capacity log says of a change that an order brought."""
    return {
        "business_id": order["id"],
        "booking_id": order["id"],
        "reference_no": order["order_no"],
        "service_date": order["service_date"],
        "service_time_start": order["service_time_start"],
        "service_time_end": order["service_time_end"],
        "reason": actor.reason,
        "operator_id": actor.operator_id,
        "customer_id": order["customer_id"],
    }


def count_sales(
    unit: Unit, lines: Sequence[Row], *, booked: int = 0, completed: int = 0, sign: int = 0
) -> None:
    """Keep the running figures of services and variants, whose rows are locked.

    `booked` and `completed` are added a line; revenue moves by the lines' final prices.
    """
    for kind, column in ((SERVICE, "service_id"), (VARIANT, "variant_id")):
        table = unit.table(TABLES[kind])
        for key in sorted({line[column] for line in lines if line[column] is not None}):
            own = [line for line in lines if line[column] == key]
            revenue = sum((line["final_price"] for line in own), NOTHING) * sign
            added: dict[str, int | Decimal] = {
                "booking_count": booked * len(own),
                "completed_count": completed * len(own),
                "revenue": revenue,
            }
            values = {
                name: sa.func.coalesce(table.c[name], 0) + more
                for name, more in added.items()
                if more
            }
            if values:
                unit.update(table.name, key, values)


def cancel(unit: Unit, order: Row, actor: Actor, party: str, told: Mapping[str, Any] = {}) -> None:
    """Cancel a locked order whose state allows it."""
    lines = lines_of(unit, order["id"])
    changes = place_changes(lines, "cancel")
    things = lock_things(unit, changes)
    fee = NOTHING
    if party == "customer" and (order["paid_amount"] or NOTHING) > 0:
        services = [things[SERVICE, line["service_id"]] for line in lines]
        fee = min(fee_for_change(unit, order, services), order["paid_amount"])
    give_coupons_back(unit, order)
    cause = order_cause(order, actor)
    apply_changes(unit, things, changes, lambda _: cause)
    count_sales(unit, lines, sign=-1)
    values = {
        "cancelled_by": party,
        "cancellation_reason": actor.reason,
        "cancellation_fee": fee,
    }
    enter(unit, order, "cancelled", actor, values, told)


def fee_for_change(unit: Unit, order: Row, services: Sequence[Row]) -> Decimal:
    """What cancelling or moving costs now, by the strictest of the services' policies."""
    return late_fee(
        order["total_amount"],
        unit.setting(CANCELLATION_FEE_RATE, order["tenant_id"], USUAL_RATE),
        agreed_start(order),
        unit.as_of,
        max(service["cancellation_hours"] or 0 for service in services),
    )


def give_coupons_back(unit: Unit, order: Row) -> None:
    """Take the order's redemptions off its coupons; one that this made `used` is active again."""
    coupons, codes = unit.table("marketing_coupons"), order["coupon_codes"] or []
    if not codes:
        return
    mine = (coupons.c.tenant_id == order["tenant_id"], coupons.c.coupon_code.in_(codes))
    ids = [row["id"] for row in unit.rows(coupons.name, *mine) if row["coupon_code"] in codes]
    for key, coupon in unit.lock(coupons.name, ids).items():
        values: dict[str, Any] = {"used_count": max((coupon["used_count"] or 0) - 1, 0)}
        if coupon["status"] == "used":
            values["status"] = "active"
        if coupon["used_order_id"] == order["id"]:
            values |= {"used_by_user": None, "used_order_id": None, "used_at": None}
        unit.update(coupons.name, key, values)


def _complete(unit: Unit, order: Row, actor: Actor, told: Mapping[str, Any]) -> None:
    lines = lines_of(unit, order["id"])
    changes = place_changes(lines, "complete")
    things = lock_things(unit, changes)
    provider = order["assigned_provider_id"]
    if provider is not None:
        unit.lock("service_providers", [provider])
        providers = unit.table("service_providers")
        count = sa.func.coalesce(providers.c.service_count, 0) + 1
        unit.update(providers.name, provider, {"service_count": count})
    cause = order_cause(order, actor)
    apply_changes(unit, things, changes, lambda _: cause)
    count_sales(unit, lines, completed=1)
    begun = order["service_start_time"] or unit.as_of
    ended = max(begun, unit.as_of)
    minutes = int((ended - begun).total_seconds()) // 60
    enter(
        unit,
        order,
        "completed",
        actor,
        {"service_end_time": ended, "actual_duration_minutes": minutes},
        told,
        {"completion_rate": 100, "actual_end_time": ended, "actual_duration_minutes": minutes},
    )


def _refund(unit: Unit, order: Row, actor: Actor, told: Mapping[str, Any]) -> None:
    """What was paid goes back; a service that was not rendered frees its places."""
    lines, payments = lines_of(unit, order["id"]), lock_payments(unit, order["id"])
    values = give_back(unit, order, payments, actor.reason)
    if order["order_status"] != "cancelled":
        rendered = order["order_status"] == "completed"
        changes = place_changes(lines, "cancel")
        things = lock_things(unit, changes)
        if not rendered:
            cause = order_cause(order, actor)
            apply_changes(unit, things, changes, lambda _: cause)
        count_sales(unit, lines, sign=-1)
    enter(unit, order, "refunded", actor, values, told)
