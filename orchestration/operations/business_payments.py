"""Money of orders: what came in, what goes back, and how it is divided with the provider."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from orchestration.operations.business_requests import Payment, Settlement, SettlePayment
from orchestration.operations.business_rows import Refused, Row, Unit, in_one_transaction, owned
from orchestration.operations.pricing import NOTHING, platform_share
from orchestration.settings import Settings

# Money that came in, whatever went back of it later.
RECEIVED = ("success", "refunded", "partial_refunded")
PLATFORM_FEE_RATE, USUAL_RATE = "business.platform_fee_rate", "0.10"


def lock_payments(unit: Unit, order_id: str) -> list[Row]:
    """The order's payment attempts, oldest first; with the order locked, none can come beside."""
    payments = unit.table("service_order_payments")
    ids = [row["id"] for row in unit.rows(payments.name, payments.c.order_id == order_id)]
    locked = unit.lock(payments.name, ids).values()
    return sorted(locked, key=lambda row: (row["created_at"], row["id"]))


def receive(unit: Unit, order: Row, payments: Sequence[Row], new: Payment | None) -> dict[str, Any]:
    """Take a payment in, if there is one, and say what the order's columns become once it is paid.

    Refused while the payments do not cover the total.
    """
    total = order["total_amount"]
    received = sum((p["payment_amount"] for p in payments if p["payment_status"] in RECEIVED),
                   NOTHING)  # fmt: skip
    if new is not None and received + new.payment_amount > total:
        raise Refused(
            f"Order {order['order_no']} owes {total - received} yuan, not {new.payment_amount}.",
            fix="correct payment_amount.",
        )
    if new is not None:
        received += new.payment_amount
    if received < total:
        raise Refused(
            f"Order {order['order_no']} has received {received} of {total} yuan.",
            fix="give the payment that covers the rest with the request.",
        )
    if new is not None:
        whole = new.payment_amount == total
        unit.insert(
            "service_order_payments",
            [
                new.model_dump()
                | {
                    "tenant_id": order["tenant_id"],
                    "order_id": order["id"],
                    "payment_type": "full" if whole else "final",
                    "payment_status": "success",
                    "payment_time": unit.as_of,
                }
            ],
        )
    return {"payment_status": "paid", "paid_amount": received}


def give_back(
    unit: Unit, order: Row, payments: Sequence[Row], reason: str | None
) -> dict[str, Any]:
    """Refund what was paid but the cancellation fee, the latest payment first.

    What was divided but not paid out yet is to be divided anew.
    """
    paid, before = order["paid_amount"] or NOTHING, order["refund_amount"] or NOTHING
    fee = order["cancellation_fee"] or NOTHING
    if paid <= 0:
        raise Refused(f"Nothing was paid for order {order['order_no']}.", fix="cancel it instead.")
    left = max(paid - fee - before, NOTHING)
    for payment in reversed(payments):
        received, back = payment["payment_amount"], payment["refund_amount"] or NOTHING
        cut = min(left, received - back) if payment["payment_status"] in RECEIVED else NOTHING
        if cut <= 0:
            continue
        left -= cut
        whole = back + cut == received
        values = {
            "payment_status": "refunded" if whole else "partial_refunded",
            "refund_amount": back + cut,
            "refund_time": unit.as_of,
            "refund_reason": reason,
            "refund_type": "cancellation_fee" if fee > 0 else "full" if whole else "partial",
        }
        if payment["settlement_status"] == "processed":
            values |= _division("pending", NOTHING, NOTHING) | {"settlement_time": None}
        unit.update("service_order_payments", payment["id"], values)
    if left > 0:
        raise Refused(
            f"Order {order['order_no']} says that {paid} yuan were paid, its payments hold "
            f"{left} less.",
            fix="enter the payment that is missing.",
        )
    back = max(paid - fee, before)
    return {
        "refund_amount": back,
        "payment_status": "refunded" if back == paid else "partial_refunded",
    }


def settle_payment(settings: Settings, request: SettlePayment) -> Settlement:
    """Divide what a payment of a completed order left, or say that it was paid out.

    Asked again it answers the same and changes nothing.
    """
    return in_one_transaction(settings, partial(_settle, request))


def _settle(request: SettlePayment, unit: Unit) -> Settlement:
    payments, key = unit.table("service_order_payments"), request.payment_id
    known = {row["id"]: row for row in unit.rows(payments.name, payments.c.id == key)}
    order_id = owned(known, key, request.tenant_id, "payment")["order_id"]
    order = unit.lock("service_orders", [order_id])[order_id]
    payment = unit.lock(payments.name, [key])[key]
    values = _next_settlement(unit, order, payment, request.settlement_status)
    if values:
        unit.update(payments.name, key, values)
    found = {**payment, **values}
    return Settlement(
        payment_id=key,
        **{
            name: found[name]
            for name in (
                "settlement_status", "settlement_amount", "platform_fee", "provider_amount",
            )
        },
    )  # fmt: skip


def _next_settlement(unit: Unit, order: Row, payment: Row, wanted: str) -> dict[str, Any]:
    now = payment["settlement_status"] or "pending"
    if now == wanted:
        return {}
    if wanted == "completed" and now == "processed":
        return {"settlement_status": "completed", "settlement_time": unit.as_of}
    if now != "pending" or wanted != "processed":
        raise Refused(
            f"The settlement of payment {payment['id']} is {now} and cannot become {wanted}.",
            fix="settlements go from pending to processed to completed.",
        )
    if order["complete_time"] is None:
        raise Refused(
            f"Order {order['order_no']} is {order['order_status']}; completed ones are settled.",
            fix="settle it after the service.",
        )
    left = payment["payment_amount"] - (payment["refund_amount"] or NOTHING)
    if payment["payment_status"] not in RECEIVED or left <= 0:
        raise Refused(
            f"Payment {payment['id']} is {payment['payment_status']}: there is nothing to divide.",
            fix="settle payments that came in.",
        )
    rate = unit.setting(PLATFORM_FEE_RATE, payment["tenant_id"], USUAL_RATE)
    if rate > 1:
        raise Refused(f"{PLATFORM_FEE_RATE} is {rate}.", fix="make it a share from 0 to 1.")
    fee, rest = platform_share(left, rate)
    return _division("processed", fee, rest) | {"settlement_time": unit.as_of}


def _division(status: str, fee: Decimal, rest: Decimal) -> dict[str, Any]:
    return {
        "settlement_status": status,
        "settlement_amount": fee + rest,
        "platform_fee": fee,
        "provider_amount": rest,
    }
