"""The capacity log: every booking, cancellation, completion and adjustment, as unbroken chains.

Capacity is what 03's `change_capacity` counts: free places of a service, free capacity of a
variant, free bookings of a slot. Each object begins with what its changes need, and some slack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sampledata.business_orders import FAR, S_COMPLETED, Orders, Slots
from orchestration.sampledata.conform import conform
from orchestration.sampledata.random import (
    DAY,
    Indexes,
    chance,
    clock_of,
    dates_of,
    ids_of,
    log_normal_int,
    nullable,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
)

Chunk = tuple[str, pa.Table]
SERVICE, VARIANT, SLOT = range(3)
KINDS = ("service", "variant", "time_slot")
BOOK, CANCEL, COMPLETE, ADJUST, BLOCK, RELEASE = range(6)
CHANGES = ("book", "cancel", "complete", "adjust", "block", "release")
_BUSINESS = ("booking", "cancellation", "completion", "adjustment")
_FAR = 2**34


@dataclass(frozen=True)
class Capacity:
    """Log rows in order of time, and what they leave behind by object.

    `free` and `taken` are lists by kind (service, variant, slot); `threshold` is the services'.
    """

    kind: Indexes
    target: Indexes
    change: Indexes
    quantity: Indexes
    before: Indexes
    after: Indexes
    at: Indexes
    order: Indexes  # -1 without
    free: tuple[Indexes, ...]
    taken: tuple[Indexes, ...]
    total: tuple[Indexes, ...]
    threshold: Indexes
    blocked: np.ndarray  # slots


@dataclass
class _Events:
    """Columns of changes: kind, object, change, quantity, effect on free places, time, order."""

    parts: list[tuple[Indexes, ...]]

    def add(
        self, kind: int, target: Indexes, change: int, quantity: Indexes, sign: int,
        at: Indexes, order: Indexes | None = None,
    ) -> None:  # fmt: skip
        """Add changes that happened (those at FAR did not)."""
        rows = len(target)
        happened = at < FAR
        columns = (
            np.full(rows, kind), target, np.full(rows, change), np.abs(quantity), quantity * sign,
            at, np.full(rows, -1) if order is None else order,
        )  # fmt: skip
        self.parts.append(tuple(c[happened] for c in columns))


def plan_capacity(orders: Orders, slots: Slots) -> Capacity:
    """All changes, numbered and chained."""
    catalog, plan = orders.catalog, orders.catalog.plan
    rng, end = stream(plan, "business/capacity"), seconds_of(plan.end)
    sizes = (len(catalog.services), len(catalog.variant_service), len(slots))
    events = _Events([])
    order, one = orders.line_order, np.ones(len(slots.spell_slot), dtype=np.int64)
    placed = orders.placed[order]
    back, done = orders.gave_back[order], orders.step[:, S_COMPLETED][order]
    with_variant = orders.line_variant >= 0
    for kind, lines, of in (
        (SERVICE, np.arange(len(order)), orders.line_service),
        (VARIANT, np.flatnonzero(with_variant), orders.line_variant),
    ):
        amount = orders.line_quantity[lines]
        events.add(kind, of[lines], BOOK, amount, -1, placed[lines], order[lines])
        events.add(kind, of[lines], CANCEL, amount, 1, back[lines], order[lines])
        # A finished booking leaves a variant's capacity free again; a service does not get it back.
        sign = 1 if kind == VARIANT else 0
        events.add(kind, of[lines], COMPLETE, amount, sign, done[lines], order[lines])
    held = slots.spell_order
    events.add(SLOT, slots.spell_slot, BOOK, one, -1, slots.spell_from, held)
    events.add(SLOT, slots.spell_slot, CANCEL, one, 1, slots.spell_to, held)
    stays = np.where(slots.spell_to == FAR, orders.step[held, S_COMPLETED], FAR)
    events.add(SLOT, slots.spell_slot, COMPLETE, one, 0, stays, held)
    blocked = _staff_changes(events, orders, slots, rng, end)

    kind, target, change, quantity, delta, at, order = (
        np.concatenate(c) for c in zip(*events.parts, strict=True)
    )
    first = np.r_[0, np.cumsum(sizes)]
    thing = first[kind] + target
    line = np.lexsort((change, at, thing))
    thing, kind, target, change, quantity, delta, at, order = (
        c[line] for c in (thing, kind, target, change, quantity, delta, at, order)
    )
    rank, at = rank_in_group(thing), np.minimum(one_at_a_time(thing, at), end)
    running = np.cumsum(delta)
    running -= np.repeat(
        (running - delta)[rank == 0], np.diff(np.r_[np.flatnonzero(rank == 0), len(rank)])
    )
    least = np.zeros(first[-1], dtype=np.int64)
    np.minimum.at(least, thing, running)
    slack = np.r_[
        np.where(chance(rng, sizes[0], 0.06), 0, log_normal_int(rng, sizes[0], 12, 0.9, 1, 300)),
        log_normal_int(rng, sizes[1], 6, 0.8, 1, 100),
        np.asarray((0, 0, 1, 3, 9))[rng.integers(0, 5, sizes[2])],
    ]
    initial = slack - least
    initial[first[SLOT] :] = np.maximum(initial[first[SLOT] :], 1)
    after = initial[thing] + running
    before = after - delta

    last = initial.copy()
    last[thing] = after
    threshold = np.where(
        chance(rng, sizes[0], 0.5), last[: sizes[0]] + rng.integers(-2, 4, sizes[0]), 0
    )
    threshold = np.maximum(threshold, 0)
    quantity = np.where(change == ADJUST, delta, quantity)
    notices = _notices(kind, target, before, after, at, threshold, end)
    columns = [kind, target, change, quantity, before, after, at, order]
    columns = [np.r_[c, n] for c, n in zip(columns, notices, strict=True)]
    by_time = np.lexsort((columns[1], columns[0], columns[6]))
    open_ = np.zeros(first[-1], dtype=np.int64)
    effect = np.where(change == BOOK, quantity, 0) - np.where(change == CANCEL, quantity, 0)
    finished = (change == COMPLETE) & (kind != SLOT)  # a slot keeps its finished bookings
    np.add.at(open_, thing, effect - np.where(finished, quantity, 0))
    cut = [slice(first[k], first[k + 1]) for k in range(3)]
    return Capacity(
        *(c[by_time] for c in columns),
        free=tuple(last[c] for c in cut),
        taken=tuple(open_[c] for c in cut),
        total=tuple((last + open_)[c] for c in cut),
        threshold=threshold,
        blocked=blocked,
    )


def one_at_a_time(thing: Indexes, at: Indexes) -> Indexes:
    """Times of changes (sorted by thing, then time) with later ones of one second moved on."""
    rank = rank_in_group(thing)
    return np.maximum.accumulate(at - rank + thing * _FAR) - thing * _FAR + rank


def _staff_changes(
    events: _Events, orders: Orders, slots: Slots, rng: np.random.Generator, end: int
) -> np.ndarray:
    """Restocking, corrections, blocks and releases by hand; which slots are blocked at the end."""
    catalog = orders.catalog
    made = sum(len(p[0]) for p in events.parts)
    spare = max(catalog.plan.rows("service_capacity_logs") - made, made // 20, 40)
    created = (
        catalog.services.created_at.astype(np.int64),
        catalog.variant_created.astype(np.int64),
    )
    since, none = seconds_of(catalog.plan.start), np.full(spare, -1)
    for kind, share in ((SERVICE, 0.3), (VARIANT, 0.2)):
        rows = int(spare * share)
        # Not what is a day old only: its changes would crowd into the last second.
        grown = np.flatnonzero(created[kind] < end - DAY)
        target = grown[rng.integers(0, len(grown), rows)]
        low = np.maximum(created[kind][target], since)
        at = low + np.floor(rng.random(rows) * (end - 60 - low)).astype(np.int64)
        amount = np.where(
            chance(rng, rows, 0.75), rng.integers(1, 21, rows), -rng.integers(1, 4, rows)
        )
        events.parts.append(
            (np.full(rows, kind), target, np.full(rows, ADJUST), amount, amount, at, none[:rows])
        )
        pairs = rows // 3
        target, at = target[:pairs], at[:pairs] + 7
        at = np.where(at < end - 60, at, FAR)
        amount = rng.integers(1, 5, pairs)
        events.add(kind, target, BLOCK, amount, -1, at)
        again = at + rng.integers(3600, 3 * DAY, pairs)
        events.add(kind, target, RELEASE, amount, 1, np.where(again < end - 60, again, FAR))
    # Slots: one more place while the slot is open; empty ones blocked, half of them released.
    rows = int(spare * 0.15)
    target = rng.integers(0, len(slots), rows)
    high = np.minimum(slots.start[target], end - 60)
    at = slots.created[target] + np.floor(
        rng.random(rows) * np.maximum(high - slots.created[target], 0)
    ).astype(np.int64)
    one = np.ones(rows, dtype=np.int64)
    events.parts.append(
        (np.full(rows, SLOT), target, np.full(rows, ADJUST), one, one, at, np.full(rows, -1))
    )
    empty = np.ones(len(slots), dtype=bool)
    empty[slots.spell_slot] = False
    target = np.flatnonzero(empty & chance(rng, len(slots), 0.12))
    at = np.minimum(slots.created[target] + rng.integers(60, 3600, len(target)), end)
    one = np.ones(len(target), dtype=np.int64)
    events.add(SLOT, target, BLOCK, one, 0, at)
    again = at + rng.integers(600, DAY, len(target))
    again = np.where((again <= end) & chance(rng, len(target), 0.5), again, FAR)
    events.add(SLOT, target, RELEASE, one, 0, again)
    blocked = np.zeros(len(slots), dtype=bool)
    blocked[target[again == FAR]] = True
    return blocked


def _notices(
    kind: Indexes, target: Indexes, before: Indexes, after: Indexes, at: Indexes,
    threshold: Indexes, end: int,
) -> tuple[Indexes, ...]:  # fmt: skip
    """What the hourly check wrote after a service fell to its threshold and stayed there."""
    limit = np.where(kind == SERVICE, threshold[np.where(kind == SERVICE, target, 0)], 0)
    tick = -(-(at - 600) // 3600) * 3600 + 600  # ten minutes past the hour
    tick = np.where(tick == at, tick + 3600, tick)
    following = np.r_[at[1:], FAR]
    same = np.r_[(kind[1:] == kind[:-1]) & (target[1:] == target[:-1]), False]
    quiet = np.where(same, following, FAR) > tick
    crossed = (limit > 0) & (before > limit) & (after <= limit) & quiet & (tick <= end)
    found = np.flatnonzero(crossed)
    rows = len(found)
    return (
        kind[found], target[found], np.full(rows, ADJUST), np.zeros(rows, dtype=np.int64),
        after[found], after[found], tick[found], np.full(rows, -1),
    )  # fmt: skip


def capacity_logs(
    capacity: Capacity, orders: Orders, slots: Slots, numbers: pa.Array
) -> Iterator[Chunk]:
    """service_capacity_logs; `numbers` are the order numbers by order."""
    catalog, plan = orders.catalog, orders.catalog.plan
    tenants = (
        catalog.services.tenant,
        catalog.services.tenant[catalog.variant_service],
        catalog.services.tenant[slots.service],
    )
    for number, part in enumerate(plan.chunks(len(capacity.kind))):
        rng = stream(plan, "service_capacity_logs", number)
        kind, target, change = capacity.kind[part], capacity.target[part], capacity.change[part]
        order, at = capacity.order[part], capacity.at[part].astype("datetime64[s]")
        rows = len(kind)
        tenant, ids = np.zeros(rows, dtype=np.int64), pa.nulls(rows, pa.string())
        for k, table in enumerate(("services", "service_variants", "service_time_slots")):
            of = kind == k
            tenant[of] = tenants[k][target[of]]
            own = ids_of(plan, table, np.where(of, target, -1))
            ids = pa.compute.coalesce(ids, own)
        booked = order >= 0
        slot = kind == SLOT
        start = np.where(booked, orders.start[order], -1)
        start = np.where(slot, slots.start[np.where(slot, target, 0)], start)
        timed = start >= 0
        minutes = np.maximum(start, 0) % DAY // 60
        length = np.where(
            slot, catalog.minutes[slots.service[np.where(slot, target, 0)]], orders.minutes[order]
        )
        business = np.where(change <= COMPLETE, change, np.where(change == ADJUST, 3, -1))
        notice = (change == ADJUST) & (capacity.quantity[part] == 0)
        by_hand = (change >= ADJUST) & ~notice
        staff = catalog.world.users.pick(rng, tenant, at=at)
        reason = pa.compute.if_else(
            pa.array(notice),
            pa.scalar("available slots at or under the threshold"),
            sentences(rng, rows).dictionary_decode(),
        )
        yield (
            "service_capacity_logs",
            conform(
                "service_capacity_logs",
                {
                    "id": ids_of(plan, "service_capacity_logs", np.arange(part.start, part.stop)),
                    "tenant_id": take(catalog.world.tenant_ids, tenant),
                    "capacity_type": take(KINDS, kind),
                    "capacity_id": ids,
                    "change_type": take(CHANGES, change),
                    "change_quantity": capacity.quantity[part],
                    "before_capacity": capacity.before[part],
                    "after_capacity": capacity.after[part],
                    "business_type": take(_BUSINESS, business),
                    "business_id": ids_of(plan, "service_orders", order),
                    "booking_id": ids_of(plan, "service_orders", order),
                    "reference_no": take(numbers, order),
                    "service_date": nullable(dates_of(start.astype("datetime64[s]")), timed),
                    "service_time_start": clock_of(minutes, timed),
                    "service_time_end": clock_of(
                        np.minimum(minutes + length, 1439), timed & (minutes + length < 1440)
                    ),
                    "reason": take(
                        reason, np.where(notice | (by_hand & chance(rng, rows, 0.6)),
                                         np.arange(rows), -1)
                    ).dictionary_decode(),
                    "operator_id": catalog.world.users.ids(np.where(by_hand, staff, -1)),
                    "customer_id": catalog.world.customers.ids(
                        np.where(booked, orders.customer[order], -1)
                    ),
                    "created_at": at,
                },
            ),
        )  # fmt: skip
