"""Random mixes of booking moves against a model in plain Python, on both engines.

The model counts places, coupons and entries by 03's table and knows nothing of the code. After
each move, refused or done, every row that counts something must say what the model says.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from booking_world import TENANT, BookingWorld, booking

from orchestration.operations.business_booking import create_order
from orchestration.operations.business_capacity import change_capacity
from orchestration.operations.business_orders import cancel_order
from orchestration.operations.business_requests import (
    CancelOrder,
    CapacityRequest,
    RescheduleOrder,
)
from orchestration.operations.business_rescheduling import reschedule_order
from orchestration.operations.business_rows import Refused
from orchestration.settings import Settings

SLOTS = "abcdef"
SERVICE_PLACES, VARIANT_PLACES, SLOT_PLACES, COUPON_USES = 18, 7, 3, 2
FORWARD = {
    "pending_payment": "paid",
    "paid": "confirmed",
    "confirmed": "assigned",
    "assigned": "in_progress",
    "in_progress": "completed",
    "rescheduled": "assigned",
}
CANCELLABLE = ("pending_payment", "paid", "confirmed", "assigned", "rescheduled")
MOVABLE = ("confirmed", "assigned")
BEGIN = {"service": SERVICE_PLACES, "variant": VARIANT_PLACES} | dict.fromkeys(SLOTS, SLOT_PLACES)
COUNTS: Counter[str] = Counter()


@dataclass
class Booked:
    """An order as the model knows it."""

    quantity: int
    variant: bool
    slot: str
    coupon: int
    state: str = "pending_payment"
    steps: int = 1

    def enter(self, state: str) -> None:
        self.state, self.steps = state, self.steps + 1


@dataclass
class Model:
    """Places free and taken by thing, coupon uses, orders, and how many entries there must be."""

    free: Counter[str] = field(default_factory=lambda: Counter(BEGIN))
    taken: Counter[str] = field(default_factory=Counter)
    status: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SLOTS, "available"))
    uses: int = 0
    orders: dict[str, Booked] = field(default_factory=dict)
    entries: list[tuple[str, str, int]] = field(default_factory=list)

    def holds(self, order: Booked) -> list[str]:
        return ["service", *(["variant"] if order.variant else []), order.slot]

    def move(self, thing: str, change: str, n: int) -> None:
        slot = thing in self.status
        if change == "book":
            self.free[thing] -= n
            self.taken[thing] += n
        elif change == "cancel":
            self.free[thing] += n
            self.taken[thing] -= n
        elif change == "adjust":
            self.free[thing] += n
        elif slot:
            self.status[thing] = {"block": "blocked", "release": "available",
                                  "complete": "completed"}[change]  # fmt: skip
        elif change == "complete":
            self.taken[thing] -= n
            self.free[thing] += n if thing == "variant" else 0
        if slot and self.status[thing] in ("available", "booked"):
            self.status[thing] = "available" if self.free[thing] else "booked"
        self.entries.append((thing, change, n))

    def can_book(self, slot: str, n: int) -> bool:
        return self.status[slot] == "available" and self.free[slot] >= n

    def create(self, number: str, order: Booked) -> bool:
        if not self.can_book(order.slot, order.quantity):
            return False
        if any(self.free[thing] < order.quantity for thing in self.holds(order)):
            return False
        if order.coupon and self.uses >= COUPON_USES:
            return False
        for thing in self.holds(order):
            self.move(thing, "book", order.quantity)
        self.uses += order.coupon
        self.orders[number] = order
        return True

    def cancel(self, order: Booked) -> bool:
        if order.state not in CANCELLABLE:
            return False
        for thing in self.holds(order):
            self.move(thing, "cancel", order.quantity)
        self.uses -= order.coupon
        order.enter("cancelled")
        return True

    def advance(self, order: Booked) -> bool:
        """One step forward; nothing leads on from an end."""
        if order.state not in FORWARD:
            return False
        new = FORWARD[order.state]
        if new == "completed":
            for thing in self.holds(order):
                self.move(thing, "complete", order.quantity)
        order.enter(new)
        return True

    def reschedule(self, order: Booked, slot: str) -> bool:
        if order.state not in MOVABLE or slot == order.slot:
            return False
        if not self.can_book(slot, order.quantity):
            return False
        self.move(order.slot, "cancel", order.quantity)
        self.move(slot, "book", order.quantity)
        order.slot = slot
        order.enter("rescheduled")
        return True

    def by_hand(self, thing: str, change: str, n: int) -> bool:
        if change == "adjust" and self.free[thing] + n < 0:
            return False
        if thing in self.status:
            states = {
                "adjust": ("available", "booked", "blocked"),
                "block": ("available", "booked"),
                "release": ("blocked",),
            }[change]
            if self.status[thing] not in states:
                return False
            if change == "release":
                self.status[thing] = "available"
        self.move(thing, change, n)
        return True


MIX = 40
# what people do often stands more than once
KINDS = ("create", "create", "create", "advance", "advance", "reschedule", "reschedule", "cancel",
         "adjust", "block", "release", "release")  # fmt: skip


def random_moves(seed: int) -> list[tuple[Any, ...]]:
    """A mix of moves; those with orders count back from the latest."""
    dice, moves = random.Random(seed), []
    for _ in range(MIX):
        kind = dice.choice(KINDS)
        rest: tuple[Any, ...]
        if kind == "create":
            rest = (
                Booked(
                    dice.randint(1, 2), dice.random() < 0.5, dice.choice(SLOTS), dice.randint(0, 1)
                ),
            )
        elif kind == "adjust":
            rest = (dice.choice(["service", "variant", *SLOTS]), dice.choice([-2, -1, 1, 2]))
        elif kind in ("block", "release"):
            rest = (dice.choice(SLOTS), 1)
        else:
            last = dice.choice(SLOTS) if kind == "reschedule" else dice.randint(1, 3)
            rest = (dice.randint(0, 5), last)
        moves.append((kind, *rest))
    return moves


@pytest.fixture(scope="module")
def world(module_engine_settings: Settings) -> Iterator[BookingWorld]:
    world = BookingWorld.build(module_engine_settings)
    with world.held_open():
        yield world
    print(f"\n{module_engine_settings.target}: {sum(COUNTS.values()):,} moves, {dict(COUNTS)}")
    COUNTS.clear()


def start(world: BookingWorld) -> None:
    world.empty()
    world.service(available_slots=SERVICE_PLACES)
    world.variant(capacity=VARIANT_PLACES)
    for hour, slot in enumerate(SLOTS, start=9):
        world.slot(slot, hour=hour, max_bookings=SLOT_PLACES)
    world.coupon("TEN", usage_limit=COUPON_USES)
    world.provider("p", max_concurrent_services=1000)


def play(world: BookingWorld, model: Model, move: tuple[Any, ...]) -> None:
    """Do a move in both; they must agree on whether it can be done."""
    kind, what, *rest = move
    if kind == "create":
        number = f"O{len(model.orders)}"
        item = {"service_id": "service", "time_slot_id": what.slot, "quantity": what.quantity,
                "variant_id": "variant" if what.variant else None}  # fmt: skip
        request = booking(number, items=[item], coupon_codes=["TEN"] if what.coupon else [])
        possible = model.create(number, replace(what))
        agree(possible, lambda: create_order(world.settings, request), kind)
    elif kind in ("adjust", "block", "release"):
        change = CapacityRequest(
            tenant_id=TENANT,
            capacity_type="time_slot" if what in SLOTS else what,
            capacity_id=what,
            change_type=kind,
            quantity=rest[0],
        )
        possible = model.by_hand(what, kind, rest[0])
        agree(possible, lambda: change_capacity(world.settings, change), kind)
    elif model.orders:
        number = list(model.orders)[-1 - what % len(model.orders)]
        order, named = model.orders[number], {"tenant_id": TENANT, "order_no": number}
        if kind == "cancel":
            agree(model.cancel(order),
                  lambda: cancel_order(world.settings, CancelOrder(**named)), kind)  # fmt: skip
        elif kind == "reschedule":
            while order.state in ("pending_payment", "paid", "rescheduled"):
                advance(world, model, number)
            request = RescheduleOrder(**named, time_slot_id=rest[0])
            possible = model.reschedule(order, rest[0])
            agree(possible, lambda: reschedule_order(world.settings, request), kind)
        else:
            for _ in range(rest[0]):
                advance(world, model, number)


def advance(world: BookingWorld, model: Model, number: str) -> None:
    new = FORWARD.get(model.orders[number].state, "paid")
    agree(model.advance(model.orders[number]), lambda: world.step(number, new), "advance")


def agree(possible: bool, do: Any, kind: str) -> None:
    COUNTS[f"{kind} {'done' if possible else 'refused'}"] += 1
    if possible:
        do()
    else:
        with pytest.raises(Refused):
            do()


def check(world: BookingWorld, model: Model) -> None:
    service, variant = world.row("services", "service"), world.row("service_variants", "variant")
    coupon = world.row("marketing_coupons", "id-TEN")
    found = {
        "service": (service["available_slots"], service["booked_slots"]),
        "variant": (variant["capacity"] - variant["booked_capacity"], variant["booked_capacity"]),
    }
    for slot in world.rows("service_time_slots"):
        found[slot["id"]] = (slot["available_capacity"], slot["current_bookings"])
        assert slot["max_bookings"] >= slot["current_bookings"]
        assert slot["status"] == model.status[slot["id"]]
    assert found == {thing: (model.free[thing], model.taken[thing]) for thing in found}
    assert all(min(pair) >= 0 for pair in found.values())
    open_ = [o for o in model.orders.values() if o.state not in ("cancelled", "completed")]
    assert service["booked_slots"] == sum(order.quantity for order in open_)
    assert coupon["used_count"] == model.uses <= COUPON_USES
    assert coupon["status"] == ("used" if model.uses == COUPON_USES else "active")

    logs = world.rows("service_capacity_logs")
    assert Counter(
        (log["capacity_id"], log["change_type"], log["change_quantity"]) for log in logs
    ) == Counter(model.entries)
    for thing, (free, _) in found.items():
        own = [log for log in logs if log["capacity_id"] == thing]
        assert (
            BEGIN[thing] + sum(log["after_capacity"] - log["before_capacity"] for log in own)
            == free
        )
        assert all(min(log["before_capacity"], log["after_capacity"]) >= 0 for log in own)
    orders = world.rows("service_orders")
    assert {order["order_no"]: order["order_status"] for order in orders} == {
        number: order.state for number, order in model.orders.items()
    }
    steps = world.rows("service_order_status_history")
    assert Counter(step["order_id"] for step in steps) == Counter(
        {order["id"]: model.orders[order["order_no"]].steps for order in orders}
    )
    made = len(orders)
    assert service["booking_count"] == made
    assert service["completed_count"] == sum(o.state == "completed" for o in model.orders.values())
    assert service["revenue"] == sum(
        order["total_amount"] for order in orders if order["order_status"] != "cancelled"
    )


def run(world: BookingWorld, moves: list[tuple[Any, ...]]) -> None:
    start(world)
    model = Model()
    for move in moves:
        play(world, model, move)
        check(world, model)


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 60))]
)
def test_any_mix_of_moves_leaves_what_the_model_says(world: BookingWorld, seed: int) -> None:
    run(world, random_moves(seed))
