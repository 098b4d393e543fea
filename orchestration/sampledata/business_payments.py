"""Payment attempts of orders: deposits, instalments, failures, refunds and the settlement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.sampledata.business_orders import (
    FAR,
    S_COMPLETED,
    S_PAID,
    S_REFUNDED,
    Money,
    Orders,
)
from orchestration.sampledata.conform import conform
from orchestration.sampledata.random import (
    DAY,
    Indexes,
    chance,
    choice_index,
    codes,
    fixed_text,
    ids_of,
    json_object,
    nullable,
    nullify,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
)

Chunk = tuple[str, pa.Table]
TYPES = ("full", "deposit", "final", "installment")
FULL, DEPOSIT, FINAL, INSTALLMENT = range(4)
STATUS = (
    "pending", "processing", "success", "failed", "cancelled", "refunded", "partial_refunded",
)  # fmt: skip
SUCCESS, GIVEN_BACK, PARTLY_BACK = 2, 5, 6
METHODS = (
    "alipay", "wechat", "bank_transfer", "credit_card", "cash", "corporate_account", "points",
)  # fmt: skip
_CASH, _POINTS = 4, 6


@dataclass(frozen=True)
class Payments:
    """Attempts sorted by time; cents and seconds (FAR: never). `paid`, `refunded`, `last` by order.

    `last` is the time of the last thing that payments did to the order.
    """

    order: Indexes
    kind: Indexes
    amount: Indexes
    status: Indexes
    at: Indexes
    refund: Indexes
    refunded_at: Indexes
    refund_kind: Indexes
    settled: Indexes
    fee: Indexes
    settlement: Indexes
    settled_at: Indexes
    paid: Indexes
    refunded: Indexes
    last: Indexes


def plan_payments(orders: Orders, money: Money) -> Payments:
    """Attempts that add up to what the order says."""
    plan, count = orders.catalog.plan, len(orders)
    rng, end = stream(plan, "business/payments"), seconds_of(plan.end)
    placed, total, step = orders.placed, money.total, orders.step
    paid = step[:, S_PAID] < FAR
    gap = np.where(paid, step[:, S_PAID], placed + 600) - placed
    way = choice_index(rng, count, (86, 9, 5))
    way = np.where((way == 2) & (total < 30_000), 0, way)
    third, deposit = total // 3, total * 3 // 10
    every = np.arange(count)
    parts: list[tuple[Any, ...]] = []

    def add(rows: Any, kind: int, amount: Indexes, status: Any, at: Indexes) -> None:
        of = every[rows]
        state = np.broadcast_to(status, (count,))[of]
        parts.append((of, np.full(len(of), kind), amount[of], state, at[of]))

    add(paid & (way == 0), FULL, total, SUCCESS, placed + gap)
    add(paid & (way == 1), DEPOSIT, deposit, SUCCESS, placed + gap * 4 // 10)
    add(paid & (way == 1), FINAL, total - deposit, SUCCESS, placed + gap)
    for number in range(3):
        amount = third if number < 2 else total - 2 * third
        at = placed + gap * (number + 1) // 3
        add(paid & (way == 2), INSTALLMENT, amount, SUCCESS, at)
    tried = placed + gap // 5
    add(paid & chance(rng, count, 0.07), FULL, total, 3, tried)
    # Orders that were never paid: given up, failed, or left open.
    unpaid = ~paid & ~orders.stuck & (tried <= end)
    add(unpaid & chance(rng, count, 0.6), FULL, total, np.asarray((3, 4, 0))[
        choice_index(rng, count, (4, 4, 2))], tried)  # fmt: skip
    hangs = chance(rng, count, 0.6)
    add(orders.stuck & hangs & (tried <= end), FULL, total, 1, tried)
    add(orders.stuck & ~hangs & (tried <= end), DEPOSIT, deposit, SUCCESS, tried)
    order, kind, amount, status, at = (np.concatenate(p) for p in zip(*parts, strict=True))
    line = np.lexsort((kind, at, order))
    order, kind, amount, status, at = (c[line] for c in (order, kind, amount, status, at))

    good = status == SUCCESS
    received = np.bincount(order[good], weights=amount[good], minlength=count).astype(np.int64)
    refunded_at = step[:, S_REFUNDED].copy()
    refund = np.where(refunded_at < FAR, received - money.cancellation_fee, 0)
    # Some completed orders got a part back and stay completed.
    done = step[:, S_COMPLETED]
    late = np.where(done < FAR, done + rng.integers(DAY // 2, 5 * DAY, count), FAR)
    some = (refund == 0) & (late <= end) & chance(rng, count, 0.04)
    refund = np.where(some, received * rng.integers(10, 50, count) // 100, refund)
    refunded_at = np.where(some, late, refunded_at)
    # The latest payment gives back first, then the ones before it.
    rank = rank_in_group(order)
    paid_in = np.where(good, amount, 0)
    running = np.cumsum(paid_in)
    base = (running - paid_in)[rank == 0]
    size = np.diff(np.r_[np.flatnonzero(rank == 0), len(rank)])
    after = received[order] - (running - np.repeat(base, size))  # received later than this one
    back = np.clip(refund[order] - after, 0, paid_in)
    status = np.where(back > 0, np.where(back == amount, GIVEN_BACK, PARTLY_BACK), status)
    kept_fee = (money.cancellation_fee[order] > 0) & (back > 0)
    refund_kind = np.where(kept_fee, 2, np.where(back == amount, 0, 1))
    back_at = np.where(back > 0, refunded_at[order], FAR)

    due = np.where(done[order] < FAR, done[order] + rng.integers(DAY, 4 * DAY, len(order)), FAR)
    due = np.maximum(due, np.where(back > 0, refunded_at[order], 0))
    settled = np.where(good & (due <= end) & (amount > back), 1 + chance(rng, len(order), 0.8), 0)
    settlement = np.where(settled > 0, amount - back, 0)
    fee = (settlement * 10 + 50) // 100
    last = np.where(good | (status < 2), at, 0)
    last = np.maximum(last, np.where(back_at < FAR, back_at, 0))
    latest = np.zeros(count, dtype=np.int64)
    np.maximum.at(latest, order, last)
    line = np.argsort(at, kind="stable")
    columns = (order, kind, amount, status, at, back, back_at, refund_kind, settled, fee,
               settlement, np.where(settled > 0, due, FAR))  # fmt: skip
    return Payments(*(c[line] for c in columns), received, refund, latest)


def payments(plan_of: Payments, orders: Orders) -> Iterator[Chunk]:
    """service_order_payments."""
    plan, world = orders.catalog.plan, orders.catalog.world
    end = np.datetime64(plan.end, "s")
    for number, part in enumerate(plan.chunks(len(plan_of.order))):
        rng = stream(plan, "service_order_payments", number)
        order, status, at = plan_of.order[part], plan_of.status[part], plan_of.at[part]
        rows, index = len(order), np.arange(part.start, part.stop)
        good = (status == SUCCESS) | (status >= GIVEN_BACK)
        method = choice_index(rng, rows, (35, 40, 5, 8, 5, 5, 2))
        online = (method != _CASH) & (method != _POINTS)
        stamp = at.astype("datetime64[s]")
        notified = good & online & chance(rng, rows, 0.97)
        back, deposit = plan_of.refunded_at[part], plan_of.kind[part] == DEPOSIT
        settled_at = plan_of.settled_at[part]
        touched = np.maximum(at, np.where(back < FAR, back, 0))
        touched = np.maximum(touched, np.where(settled_at < FAR, settled_at, 0))
        answer = json_object(
            code=take(("SUCCESS", "FAIL"), (~good).astype(int)),
            payer=fixed_text(plan, "payments/payer", order, 12),
        )
        yield (
            "service_order_payments",
            conform(
                "service_order_payments",
                {
                    "id": ids_of(plan, "service_order_payments", index),
                    "tenant_id": take(world.tenant_ids, orders.tenant[order]),
                    "order_id": ids_of(plan, "service_orders", order),
                    "payment_no": codes("PAY", index + 1, 10),
                    "payment_method": take(METHODS, method),
                    "payment_channel": take(
                        ("app", "qr", "h5"), np.where(online, rng.integers(-1, 3, rows), -1)
                    ),
                    "payment_type": take(TYPES, plan_of.kind[part]),
                    "payment_amount": plan_of.amount[part],
                    "is_advance_payment": deposit,
                    "advance_payment_percentage": nullable(np.full(rows, 3000), deposit),
                    "payment_status": take(STATUS, status),
                    "gateway_order_no": nullify(codes("GW", index + 1, 12), online),
                    "gateway_transaction_no": nullify(
                        fixed_text(plan, "payments/transaction", index, 28), online & good
                    ),
                    "gateway_response": nullify(answer, online & (good | (status == 3))),
                    "payment_time": nullable(stamp, good),
                    "notify_time": nullable(
                        np.minimum(stamp + rng.integers(1, 90, rows).astype("m8[s]"), end), notified
                    ),
                    "refund_amount": plan_of.refund[part],
                    "refund_time": nullable(
                        np.where(back < FAR, back, 0).astype("datetime64[s]"), back < FAR
                    ),
                    "refund_reason": nullify(
                        sentences(rng, rows), (back < FAR) & chance(rng, rows, 0.8)
                    ),
                    "refund_type": take(
                        ("full", "partial", "cancellation_fee"),
                        np.where(back < FAR, plan_of.refund_kind[part], -1),
                    ),
                    "settlement_amount": plan_of.settlement[part],
                    "platform_fee": plan_of.fee[part],
                    "provider_amount": plan_of.settlement[part] - plan_of.fee[part],
                    "settlement_status": take(
                        ("pending", "processed", "completed"), plan_of.settled[part]
                    ),
                    "settlement_time": nullable(
                        np.where(settled_at < FAR, settled_at, 0).astype("datetime64[s]"),
                        settled_at < FAR,
                    ),
                    "created_at": stamp,
                    "updated_at": touched.astype("datetime64[s]"),
                },
            ),
        )
