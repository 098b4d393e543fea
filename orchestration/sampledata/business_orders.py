"""Orders as integers: what is booked, the path through the states, slots and prices.

Times are seconds of wall clock, money is cents. An order's path is a row of a matrix with one
column per step a path may have, in the order in which steps follow each other; steps that do not
happen (or not before the plan's end) are FAR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestration.sampledata.business_catalog import (
    DAILY,
    HOURLY,
    Catalog,
    cancellation_hours,
)
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    chance,
    choice_index,
    log_normal_int,
    price_cents,
    rank_in_group,
    rhythm,
    seconds_of,
    stream,
)
from orchestration.sampledata.world import CustomerOrders

FAR = 2**62
STATES = (
    "pending_payment", "paid", "confirmed", "assigned", "preparing", "in_progress", "completed",
    "cancelled", "refunded", "rescheduled",
)  # fmt: skip
(
    PENDING, PAID, CONFIRMED, ASSIGNED, PREPARING, IN_PROGRESS, COMPLETED, CANCELLED, REFUNDED,
    RESCHEDULED,
) = range(10)  # fmt: skip
# Columns of the matrix of steps.
(
    S_PENDING, S_PAID, S_CONFIRMED, S_ASSIGNED, S_MOVED, S_BACK, S_ASSIGNED_AFTER, S_MOVED_AGAIN,
    S_BACK_AGAIN, S_PREPARING, S_STARTED, S_COMPLETED, S_CANCELLED, S_REFUNDED,
) = range(14)  # fmt: skip
ORDER_TYPES = ("scheduled", "immediate", "recurring", "emergency")
LOCATIONS = ("online", "onsite", "office", "third_party")
ONSITE = 1
TRAVEL_FEE = 5000
CANCELLED_BY = ("customer", "provider", "admin", "system")
_STARTS = (540, 630, 840, 930, 1020, 1140)  # minutes since midnight at which slots begin


@dataclass(frozen=True)
class Orders:
    """Orders by index, in the order in which they were placed, and their lines.

    `step`/`state` are the matrices of times and states; `agreed` the agreed starts before any move
    and after each of up to two. Lines are sorted by order, the first one holds the slot.
    """

    catalog: Catalog
    tenant: Indexes
    placed: Indexes
    kind: Indexes
    service: Indexes
    customer: Indexes
    provider: Indexes  # -1 until assigned
    step: np.ndarray[Any, np.dtype[np.int64]]
    state: np.ndarray[Any, np.dtype[np.int8]]
    agreed: np.ndarray[Any, np.dtype[np.int64]]  # (orders, 3)
    moves: Indexes
    minutes: Indexes  # planned, all lines
    ended: Indexes  # seconds, FAR while not
    cancelled_by: Indexes
    stuck: Bools  # a payment that hangs at the gateway, or a deposit only
    parent: Indexes
    location: Indexes
    line_order: Indexes
    line_service: Indexes
    line_variant: Indexes
    line_quantity: Indexes
    line_minutes: Indexes

    def __len__(self) -> int:
        """How many orders there are."""
        return len(self.tenant)

    @property
    def status(self) -> Indexes:
        """The state each order is in at the end."""
        last = self.step.shape[1] - 1 - np.argmax(self.step[:, ::-1] < FAR, axis=1)
        return self.state[np.arange(len(self)), last].astype(np.int64)

    @property
    def start(self) -> Indexes:
        """The agreed start as it stands now, seconds."""
        return self.agreed[np.arange(len(self)), self.moves]

    @property
    def assigned_at(self) -> Indexes:
        """When the order was first assigned, FAR if never."""
        return np.minimum(self.step[:, S_ASSIGNED], self.step[:, S_ASSIGNED_AFTER])

    @property
    def gave_back(self) -> Indexes:
        """When the order's places were given back (cancelled, or refunded before), FAR if not."""
        direct = (self.step[:, S_COMPLETED] == FAR) & (self.step[:, S_CANCELLED] == FAR)
        refunded = np.where(direct, self.step[:, S_REFUNDED], FAR)
        return np.minimum(self.step[:, S_CANCELLED], refunded)


def plan_orders(catalog: Catalog) -> Orders:
    """Who orders what and when, and how it went."""
    plan, world = catalog.plan, catalog.world
    count, end = plan.rows("service_orders"), seconds_of(plan.end)
    rng = stream(plan, "business/orders")
    sellers = catalog.services.count() > 0
    tenant = choice_index(rng, count, world.weight * sellers).astype(np.int64)
    fresh = max(4, count // 400)  # placed in the last half hour: still waiting for payment
    tonight = np.zeros(count, dtype=bool)  # emergencies that are being served as the plan ends
    tonight[: max(8, count // 400)] = True
    tenant[tonight] = tenant[-fresh:] = 0
    born = world.created_at[tenant].astype(np.int64)
    low = np.maximum(born, seconds_of(plan.start)).astype("datetime64[s]")
    span = rhythm(plan.start, plan.end, growth=1.8)
    placed = span.between(rng, low, world.closed_at[tenant]).astype(np.int64)
    placed[-fresh:] = end - rng.integers(60, 1500, fresh)
    placed[tonight] = end - rng.integers(6 * 3600, 9 * 3600, count)[tonight]
    order = np.argsort(placed, kind="stable")
    tenant, placed, tonight = tenant[order], placed[order], tonight[order]
    at = placed.astype("datetime64[s]")
    service = catalog.services.pick(rng, tenant, at=at, skew=1.5)
    customer = world.customers.pick(rng, tenant, at=at, skew=2.2)
    customer = np.where(chance(rng, count, 0.1), -1, customer)  # guests
    kind = np.where(tonight, 3, choice_index(rng, count, (75, 12, 8, 5)))

    lines = _lines(catalog, rng, service, tenant, at)
    minutes = np.bincount(lines[0], weights=lines[4], minlength=count).astype(np.int64)
    location = np.where(
        catalog.delivery[service] == 1,
        np.where(chance(rng, count, 0.97), ONSITE, 3),
        np.where(catalog.delivery[service] == 2, 1 + (rng.random(count) < 0.5), 0),
    )
    agreed = _first_start(catalog, rng, placed, service, kind)
    soon = end + 1 + rng.integers(-2, 2, count) * 1800  # from an hour ago to half an hour ahead
    agreed = np.where(tonight, soon, agreed)
    step, state, agreed, ended, cancelled_by, stuck = _path(rng, placed, agreed, minutes, end)
    moves = (step[:, [S_MOVED, S_MOVED_AGAIN]] < FAR).sum(axis=1)
    provider = catalog.provider[service]
    other = catalog.providers.pick(rng, tenant, at=at)
    provider = np.where((provider < 0) | chance(rng, count, 0.35), other, provider)
    assigned = (step[:, S_ASSIGNED] < FAR) | (step[:, S_ASSIGNED_AFTER] < FAR)
    return Orders(
        catalog, tenant, placed, kind, service, customer, np.where(assigned, provider, -1),
        step, state, agreed, moves, minutes, ended, cancelled_by, stuck,
        _series(kind, customer, service, len(world.customers)), location, *lines,
    )  # fmt: skip


def _lines(
    catalog: Catalog, rng: np.random.Generator, service: Indexes, tenant: Indexes, at: Any
) -> tuple[Indexes, Indexes, Indexes, Indexes, Indexes]:
    """Order, service, variant (-1 without), quantity and minutes of each line."""
    count = len(service)
    wanted = max(catalog.plan.rows("service_order_items"), count)
    order = np.r_[np.arange(count), rng.integers(0, count, (wanted - count) * 2)]
    of = np.r_[service, catalog.services.pick(rng, tenant[order[count:]], at=at[order[count:]])]
    # A service is in an order once; the first line stays the first.
    key = order * len(catalog.services) + of
    kept = np.sort(np.unique(key, return_index=True)[1])[:wanted]
    kept = kept[np.argsort(order[kept], kind="stable")]
    order, of = order[kept], of[kept]
    first = rank_in_group(order) == 0
    low, high = catalog.variant_first[of], catalog.variant_first[of + 1]
    variant = low + np.floor(rng.random(len(of)) * (high - low)).astype(np.int64)
    offered = (high > low) & chance(rng, len(of), 0.65)
    variant = np.where(offered, np.minimum(variant, np.maximum(high - 1, 0)), -1)
    later = catalog.variant_created[np.maximum(variant, 0)] > at[order]
    variant = np.where(later, -1, variant)
    # A line with a slot takes one place.
    single = (first & catalog.slotted[of]) | chance(rng, len(of), 0.8)
    quantity = np.where(single, 1, rng.integers(2, 4, len(of)))
    own = catalog.minutes[of]
    chosen = np.where(
        (variant >= 0) & (catalog.pricing[of] == HOURLY) & ~(first & catalog.slotted[of]),
        catalog.variant_minutes[np.maximum(variant, 0)],
        own,
    )
    return order, of, variant, quantity, chosen


def _first_start(
    catalog: Catalog,
    rng: np.random.Generator,
    placed: Indexes,
    service: Indexes,
    kind: Indexes,
) -> Indexes:
    """The start agreed when ordering: after the notice, on a slot's time unless it is urgent."""
    count = len(placed)
    notice = np.maximum(catalog.notice_hours[service], 4) * 3600
    soon = -(-(placed + 4 * 3600) // 1800) * 1800
    day = soon // DAY
    clock = soon % DAY
    soon = np.where(clock > 19 * 3600, (day + 1) * DAY + 9 * 3600, soon)
    soon = np.where(clock < 8 * 3600, day * DAY + 9 * 3600, soon)
    days = (placed + notice) // DAY + np.minimum(rng.geometric(0.3, count), 20)
    later = days * DAY + np.asarray(_STARTS)[choice_index(rng, count, (5, 4, 5, 3, 2, 2))] * 60
    urgent = ((kind == 1) | (kind == 3)) & (catalog.notice_hours[service] <= 4)
    return np.where(urgent, soon, later)


def _move(rng: np.random.Generator, at: Indexes, agreed: Indexes) -> Indexes:
    """A later start on another day."""
    count = len(at)
    day = np.maximum(at, agreed) // DAY + rng.integers(1, 8, count)
    return day * DAY + np.asarray(_STARTS)[rng.integers(0, len(_STARTS), count)] * 60


def _path(
    rng: np.random.Generator, placed: Indexes, agreed: Indexes, minutes: Indexes, end: int
) -> tuple[Any, Any, Any, Indexes, Indexes, Bools]:
    """Steps, states, agreed starts, end of work, who cancelled, stuck payments.

    Up to the assignment 8,000 s pass at most, and starts are at least 14,400 s away, so that every
    step comes after the one before it.
    """
    count = len(placed)
    step = np.full((count, 14), FAR, dtype=np.int64)
    state = np.tile(
        np.asarray(
            [PENDING, PAID, CONFIRMED, ASSIGNED, RESCHEDULED, ASSIGNED, ASSIGNED, RESCHEDULED,
             ASSIGNED, PREPARING, IN_PROGRESS, COMPLETED, CANCELLED, REFUNDED],
            dtype=np.int8,
        ),
        (count, 1),
    )  # fmt: skip
    starts = np.tile(agreed[:, None], (1, 3))
    step[:, S_PENDING] = placed
    step[:, S_PAID] = placed + log_normal_int(rng, count, 240, 0.9, 20, 1700)
    step[:, S_CONFIRMED] = step[:, S_PAID] + log_normal_int(rng, count, 900, 0.8, 30, 2700)
    step[:, S_ASSIGNED] = step[:, S_CONFIRMED] + log_normal_int(rng, count, 1200, 0.8, 30, 3600)
    ready = step[:, S_ASSIGNED].copy()

    def within(low: Indexes, high: Indexes) -> Indexes:
        return low + np.floor(rng.random(count) * np.maximum(high - low, 1)).astype(np.int64)

    moved = chance(rng, count, 0.09)
    early = moved & chance(rng, count, 0.4)  # moved before anybody was assigned
    at = within(ready + 300, agreed - 3600)
    starts[moved, 1] = starts[moved, 2] = _move(rng, at, agreed)[moved]
    back = at + rng.integers(60, 1800, count)
    step[moved, S_MOVED], step[moved, S_BACK] = at[moved], back[moved]
    state[early, S_BACK] = CONFIRMED
    step[early, S_ASSIGNED] = FAR
    late_assignment = back + rng.integers(60, 3600, count)
    step[early, S_ASSIGNED_AFTER] = late_assignment[early]
    waiting = moved & (at > end - 7 * DAY) & chance(rng, count, 0.6)  # no new date confirmed yet
    step[waiting, S_BACK : S_ASSIGNED_AFTER + 1] = FAR
    again = moved & ~waiting & chance(rng, count, 0.2)
    at = within(np.maximum(back, late_assignment) + 300, starts[:, 1] - 3600)
    starts[again, 2] = _move(rng, at, starts[:, 1])[again]
    step[again, S_MOVED_AGAIN] = at[again]
    step[again, S_BACK_AGAIN] = (at + rng.integers(60, 1800, count))[again]

    delay = np.clip(rng.normal(-1, 8, count) * 60, -900, 5400)
    delay = np.where(chance(rng, count, 0.06), rng.integers(600, 5400, count), delay)
    begun = starts[:, 2] + delay.astype(np.int64)
    length = np.maximum(minutes * np.exp(rng.standard_normal(count) * 0.12), 5).astype(np.int64)
    ended = begun + length * 60
    prepares = chance(rng, count, 0.7) & ~waiting
    step[prepares, S_PREPARING] = (begun - rng.integers(600, 2400, count))[prepares]
    step[~waiting, S_STARTED] = begun[~waiting]
    step[~waiting, S_COMPLETED] = (ended + rng.integers(60, 1800, count))[~waiting]

    # Not assigned yet: these wait for somebody to choose a provider.
    open_ = ~moved & (agreed > end + DAY // 4) & chance(rng, count, 0.25)
    step[open_, S_ASSIGNED:S_CANCELLED] = FAR

    fate = choice_index(rng, count, (755, 85, 20, 75, 12, 32, 21))
    # Unpaid: the ten-minute run cancels after half an hour, some change their mind before.
    timeout = -(-(placed + 1800) // 600) * 600 + rng.integers(1, 20, count)
    for unpaid, when in ((fate == 1, timeout), (fate == 2, within(placed + 60, placed + 1700))):
        step[unpaid, S_PAID:] = FAR
        step[unpaid, S_CANCELLED] = when[unpaid]
    stuck = fate == 6
    step[stuck, S_PAID:] = FAR
    paid_back = fate == 4
    step[paid_back, S_CONFIRMED:] = FAR
    step[paid_back, S_REFUNDED] = (step[:, S_PAID] + rng.integers(60, 7200, count))[paid_back]
    # Cancelled after payment, at any moment before the work begins.
    given_up = fate == 3
    when = within(step[:, S_PAID] + 30, np.where(waiting, end, begun) - 30)
    cut = np.where(given_up, when, FAR)[:, None]
    step[:, :S_CANCELLED][step[:, :S_CANCELLED] >= cut] = FAR
    step[given_up, S_CANCELLED] = when[given_up]
    back = given_up & chance(rng, count, 0.8)
    step[back, S_REFUNDED] = (when + rng.integers(300, 2 * DAY, count))[back]
    disputed = (fate == 5) & ~waiting
    done = step[:, S_COMPLETED] + rng.integers(3600, 5 * DAY, count)
    step[disputed, S_REFUNDED] = done[disputed]
    step[step > end] = FAR
    ended = np.where(step[:, S_COMPLETED] < FAR, ended, FAR)
    who = np.where(fate == 1, 3, np.where(fate == 2, 0, choice_index(rng, count, (6, 2, 2))))
    return step, state, starts, ended, np.where(step[:, S_CANCELLED] < FAR, who, -1), stuck


def _series(kind: Indexes, customer: Indexes, service: Indexes, customers: int) -> Indexes:
    """For repeated orders of a customer the first order of the series; -1 otherwise."""
    parent = np.full(len(kind), -1, dtype=np.int64)
    member = np.flatnonzero((kind == 2) & (customer >= 0))
    key = service[member] * customers + customer[member]
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    parent[member] = np.where(member[first][back] == member, -1, member[first][back])
    return parent


# --- slots ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slots:
    """Slots by index (seconds, cents), and the spells for which orders held places in them.

    `of_order[:, k]` is the slot of an order's first line after k moves, -1 without. `price` is -1
    where the slot names none.
    """

    service: Indexes
    start: Indexes
    created: Indexes
    price: Indexes
    surge: Indexes  # hundredths
    of_order: np.ndarray[Any, np.dtype[np.int64]]
    spell_slot: Indexes
    spell_order: Indexes
    spell_from: Indexes
    spell_to: Indexes  # when the place was given back, FAR if it was not

    def __len__(self) -> int:
        """How many slots there are."""
        return len(self.service)


def plan_slots(orders: Orders) -> Slots:
    """The slots that orders need, and empty ones besides."""
    catalog, plan = orders.catalog, orders.catalog.plan
    rng, end = stream(plan, "business/slots"), seconds_of(plan.end)
    urgent = orders.agreed[:, 0] % DAY // 60
    booked = catalog.slotted[orders.service] & np.isin(urgent, _STARTS)
    order = np.flatnonzero(booked)
    froms = [orders.placed, orders.step[:, S_MOVED], orders.step[:, S_MOVED_AGAIN]]
    spells = []
    for number in range(3):
        held = order[orders.moves[order] >= number]
        until = np.where(orders.moves[held] > number, froms[min(number + 1, 2)][held], FAR)
        until = np.minimum(until, orders.gave_back[held])
        spells.append((held, np.full(len(held), number), froms[number][held], until))
    who, number, since, until = (np.concatenate(parts) for parts in zip(*spells, strict=True))
    wanted = orders.service[who] * 2**34 + orders.agreed[who, number]

    empty = max(plan.rows("service_time_slots") - len(np.unique(wanted)), 10)
    offering = np.flatnonzero(catalog.slotted)
    service = offering[rng.integers(0, len(offering), empty)]
    low = np.maximum(catalog.services.created_at[service].astype(np.int64), seconds_of(plan.start))
    day = low // DAY + 1 + np.floor(rng.random(empty) * ((end + 14 * DAY - low) // DAY)).astype(int)
    free = service * 2**34 + day * DAY + np.asarray(_STARTS)[rng.integers(0, 6, empty)] * 60
    keys, place = np.unique(np.r_[wanted, free], return_inverse=True)
    slot = place[: len(wanted)]
    of_order = np.full((len(orders), 3), -1, dtype=np.int64)
    of_order[who, number] = slot
    service, start = keys // 2**34, keys % 2**34
    first = np.minimum(start, end)
    np.minimum.at(first, slot, since)
    created = np.maximum(
        first - rng.integers(3600, 14 * DAY, len(keys)),
        catalog.services.created_at[service].astype(np.int64),
    )
    list_price = np.where(catalog.sale[service] >= 0, catalog.sale[service], catalog.base[service])
    priced = chance(rng, len(keys), 0.25)
    surge = np.asarray((100, 120, 150, 90))[choice_index(rng, len(keys), (7, 2, 1, 1))]
    return Slots(
        service, start, created, np.where(priced, list_price // 1000 * 1000, -1),
        np.where(priced, surge, 100), of_order, slot, who, since, until,
    )  # fmt: skip


# --- prices --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prices:
    """Money of orders and lines before coupons (cents)."""

    unit: Indexes
    line_subtotal: Indexes
    subtotal: Indexes
    service_fee: Indexes
    travel_fee: Indexes
    material_fee: Indexes
    company_invoice: Bools


def plan_prices(orders: Orders, slots: Slots) -> Prices:
    """Unit price: variant, else slot, else sale, else list price."""
    catalog, rng = orders.catalog, stream(orders.catalog.plan, "business/prices")
    count, of = len(orders), orders.line_service
    first = rank_in_group(orders.line_order) == 0
    slot = np.where(first, slots.of_order[orders.line_order, 0], -1)
    slot_price = np.where(slot >= 0, slots.price[slot] * slots.surge[slot] // 100, -1)
    unit = np.where(catalog.sale[of] >= 0, catalog.sale[of], catalog.base[of])
    unit = np.where(slot_price >= 0, slot_price, unit)
    variant = orders.line_variant
    if len(catalog.variant_price):
        unit = np.where(variant >= 0, catalog.variant_price[variant], unit)
    pricing, minutes = catalog.pricing[of], orders.line_minutes
    amount = np.where(pricing == HOURLY, (unit * minutes + 30) // 60, unit)
    amount = np.where(pricing == DAILY, unit * -(-minutes // 1440), amount)
    line_subtotal = amount * orders.line_quantity
    onsite = orders.location == ONSITE
    fee = price_cents(rng, count, 5, 20)
    material = price_cents(rng, count, 20, 100)
    return Prices(
        unit,
        line_subtotal,
        np.bincount(orders.line_order, weights=line_subtotal, minlength=count).astype(np.int64),
        np.where(chance(rng, count, 0.1), fee, 0),
        np.where(onsite, TRAVEL_FEE, 0),
        np.where(onsite & chance(rng, count, 0.2), material, 0),
        chance(rng, count, 0.08),
    )


def share_out(amount: Indexes, line_order: Indexes, weight: Indexes) -> Indexes:
    """Split an amount per order over its lines by weight, down to cents; the last takes the rest.

    `line_order` is sorted; every order has a line, and weights of an order sum to more than 0.
    """
    count = len(amount)
    total = np.bincount(line_order, weights=weight, minlength=count).astype(np.int64)
    part = amount[line_order] * weight // total[line_order]
    given = np.bincount(line_order, weights=part, minlength=count).astype(np.int64)
    last = np.searchsorted(line_order, np.arange(count), side="right") - 1
    part[last] += amount - given
    return part


@dataclass(frozen=True)
class Money:
    """What orders cost and what was paid and refunded (cents)."""

    discount: Indexes
    tax: Indexes
    total: Indexes
    cancellation_fee: Indexes


def plan_money(orders: Orders, prices: Prices, discount: Indexes) -> Money:
    """Totals after discounts; fees for cancelling late."""
    before_tax = (
        prices.subtotal + prices.service_fee + prices.travel_fee + prices.material_fee - discount
    )
    tax = np.where(prices.company_invoice, (before_tax * 6 + 50) // 100, 0)
    total = before_tax + tax
    cancelled = orders.step[:, S_CANCELLED]
    free = cancellation_hours(orders.catalog, orders.service) * 3600
    due = (cancelled < FAR) & (orders.step[:, S_PAID] < FAR) & (orders.start - cancelled < free)
    return Money(discount, tax, total, np.where(due, total // 10, 0))


def customer_totals(orders: Orders, total: Indexes, customers: int) -> CustomerOrders:
    """Orders, amounts and days by customer, over orders that are not cancelled."""
    counted = np.flatnonzero((orders.customer >= 0) & (orders.status != CANCELLED))
    who, amount = orders.customer[counted], total[counted]
    found = CustomerOrders.none(customers)
    found.orders[:] = np.bincount(who, minlength=customers)
    found.amount[:] = np.bincount(who, weights=amount, minlength=customers).astype(np.int64)
    days = orders.placed[counted].astype("datetime64[s]").astype("datetime64[D]")
    # Orders are sorted by time: the last assignment wins, and backwards the first.
    found.last_amount[who] = amount
    found.last_day[who] = days
    found.first_day[who[::-1]] = days[::-1]
    return found
