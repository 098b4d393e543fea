"""Many people at once on MySQL: nothing is oversold, nothing is left half, no deadlock surfaces.

Each thread has a pool of connections of its own, so that as many transactions run as threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from booking_world import AS_OF, TENANT, BookingWorld, Row, booking
from warehouses import connect_mysql

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.operations.business_booking import create_order
from orchestration.operations.business_capacity import change_capacity
from orchestration.operations.business_orders import (
    assign_provider,
    cancel_order,
    change_order_status,
)
from orchestration.operations.business_requests import (
    AssignProvider,
    CancelOrder,
    CapacityRequest,
    ChangeStatus,
    CreateOrder,
    RescheduleOrder,
)
from orchestration.operations.business_rescheduling import reschedule_order
from orchestration.operations.business_rows import Refused
from orchestration.operations.order_states import OPEN, STATES
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import run_operation
from orchestration.settings import Settings

pytestmark = pytest.mark.mysql


@pytest.fixture(scope="module")
def shared_world(module_mysql_settings: Settings) -> BookingWorld:
    return BookingWorld.build(module_mysql_settings)


@pytest.fixture
def world(shared_world: BookingWorld) -> BookingWorld:
    shared_world.empty()
    return shared_world


@dataclass
class Crowd:
    """Threads with a connection each, what they met, and how often they had to try again."""

    world: BookingWorld
    size: int
    met: Counter[str] = field(default_factory=Counter)
    collisions: Counter[int] = field(default_factory=Counter)
    errors: list[BaseException] = field(default_factory=list)
    seconds: float = 0.0

    def settings(self, number: int) -> Settings:
        """The world's settings behind a pool of this thread's own."""
        own = replace(self.world.settings)
        own.__dict__["mysql"] = replace(self.world.settings.mysql, origin=f"thread {number}")
        return own

    def run(self, work: Callable[[Settings, int], Any]) -> None:
        """`work(settings, number)` in every thread, all let go at once."""
        start = threading.Barrier(self.size)
        engines = [database.connect_engine(self.settings(n)) for n in range(self.size)]

        def note(context: sa.engine.ExceptionContext) -> None:
            error = context.original_exception
            if isinstance(error, pymysql.MySQLError):
                self.collisions[error.args[0]] += 1

        def one(number: int) -> None:
            try:
                start.wait()
                work(self.settings(number), number)
            except BaseException as error:
                self.errors.append(error)

        for engine in engines:
            sa.event.listen(engine, "handle_error", note)
        began = time.monotonic()
        with ThreadPoolExecutor(self.size) as pool:
            list(pool.map(one, range(self.size)))
        self.seconds = time.monotonic() - began
        for engine in engines:
            engine.dispose()

    def attempt(self, what: Callable[[], Any]) -> Any:
        """Do it; a refusal is an answer like any other."""
        try:
            found = what()
        except Refused as refused:
            self.met[refused.message.split(":")[0]] += 1
            return None
        self.met["done"] += 1
        return found


def check_books(world: BookingWorld) -> None:
    """Places, log, coupons and histories agree with the orders, thing by thing."""
    orders = {row["id"]: row for row in world.rows("service_orders")}
    items = world.rows("service_order_items")
    logs = world.rows("service_capacity_logs")
    for kind, table, column in (
        ("service", "services", "service_id"),
        ("variant", "service_variants", "variant_id"),
        ("time_slot", "service_time_slots", "time_slot_id"),
    ):
        for row in world.rows(table):
            held = sum(
                item["quantity"]
                for item in items
                if item[column] == row["id"]
                and (orders[item["order_id"]]["order_status"] in OPEN
                     or (kind == "time_slot" and orders[item["order_id"]]["complete_time"]))
            )  # fmt: skip
            free, taken = {
                "service": lambda r: (r["available_slots"], r["booked_slots"]),
                "variant": lambda r: (r["capacity"] - r["booked_capacity"], r["booked_capacity"]),
                "time_slot": lambda r: (r["available_capacity"], r["current_bookings"]),
            }[kind](row)
            assert taken == held and free >= 0, (kind, row["id"], taken, held, free)
            own = [log for log in logs if (log["capacity_type"], log["capacity_id"])
                   == (kind, row["id"])]  # fmt: skip
            check_chain(own, free)
    for coupon in world.rows("marketing_coupons"):
        uses = sum(
            coupon["coupon_code"] in (order["coupon_codes"] or []) and order["cancel_time"] is None
            for order in orders.values()
        )
        assert coupon["used_count"] == uses <= coupon["usage_limit"]
        assert coupon["status"] == ("used" if uses == coupon["usage_limit"] else "active")
    paths: dict[str, list[tuple[str | None, str]]] = {}
    for step in world.rows("service_order_status_history"):
        paths.setdefault(step["order_id"], []).append((step["old_status"], step["new_status"]))
    for key, order in orders.items():
        ends = Counter(new for _, new in paths[key])
        ends.subtract(Counter(old for old, _ in paths[key] if old is not None))
        assert [state for state, n in ends.items() if n] == [order["order_status"]]


def check_chain(logs: list[dict[str, Any]], free: int) -> None:
    """The entries form one unbroken chain that ends in `free`: each step leaves what it found.

    Entries of one second have no order, so the chain is taken as an Euler path from start to end.
    """
    degree: Counter[int] = Counter()
    for log in logs:
        degree[log["before_capacity"]] += 1
        degree[log["after_capacity"]] -= 1
        assert min(log["before_capacity"], log["after_capacity"]) >= 0
    ends = {level: n for level, n in degree.items() if n}
    assert not logs or ends in ({}, {free: -1, **{k: 1 for k in ends if k != free}}), ends


def rush(world: BookingWorld, threads: int, attempts: int) -> Crowd:
    """Everybody wants a place in one slot of ten."""
    world.service()
    world.variant()
    world.slot(max_bookings=10)
    crowd = Crowd(world, threads)

    def work(settings: Settings, number: int) -> None:
        for n in range(attempts):
            item = {"service_id": "service", "time_slot_id": "slot", "variant_id": "variant"}
            request = booking(f"O-{number}-{n}", items=[item])
            crowd.attempt(lambda request=request: create_order(settings, request))

    crowd.run(work)
    return crowd


def check_rush(crowd: Crowd, attempts: int) -> None:
    world = crowd.world
    assert crowd.errors == []
    assert crowd.met == {"done": 10, "The order cannot be placed": attempts - 10}
    orders, logs = world.rows("service_orders"), world.rows("service_capacity_logs")
    slot = world.row("service_time_slots", "slot")
    assert len(orders) == len(world.rows("service_order_items")) == 10
    assert (slot["current_bookings"], slot["available_capacity"], slot["status"]) == (
        10, 0, "booked"
    )  # fmt: skip
    for kind, free in (("time_slot", 10), ("service", 1000), ("variant", 50)):
        own = [log for log in logs if log["capacity_type"] == kind]
        steps = sorted((log["before_capacity"], log["after_capacity"]) for log in own)
        assert steps == [(n, n - 1) for n in range(free - 9, free + 1)]
        assert {log["booking_id"] for log in own} == {order["id"] for order in orders}
    check_books(world)
    print(
        f"\n{crowd.size} threads, {attempts:,} attempts on 10 places: {crowd.seconds:.1f} s, "
        f"{attempts / crowd.seconds:.0f} a second, errors met and retried {dict(crowd.collisions)}"
    )


def test_a_slot_of_ten_is_sold_ten_times(world: BookingWorld) -> None:
    check_rush(rush(world, 16, 25), 16 * 25)


@pytest.mark.slow
def test_a_slot_of_ten_is_sold_ten_times_in_eight_thousand_attempts(world: BookingWorld) -> None:
    check_rush(rush(world, 16, 500), 16 * 500)


def market(world: BookingWorld) -> None:
    """Two services with two variants and three tight slots each, coupons, few providers."""
    for service in ("s1", "s2"):
        world.service(service, available_slots=500)
        for n in (1, 2):
            world.variant(f"{service}-v{n}", service, capacity=15)
        for n in (1, 2, 3):
            world.slot(f"{service}-t{n}", service, hour=8 + n, max_bookings=12)
    world.coupon("FIVE", usage_limit=5)
    world.coupon("HALF", "percentage", 50, usage_limit=8)
    for n in (1, 2, 3):
        world.provider(f"p{n}", max_concurrent_services=6)


def act(crowd: Crowd, settings: Settings, number: int, moves: int) -> None:
    """Book in pairs of services in either order, and take a step with an order of anybody's."""
    world, dice = crowd.world, random.Random(number)
    for n in range(moves):
        chance = dice.random()
        if chance < 0.35:
            work = partial(create_order, settings, random_booking(dice, f"{number}-{n}"))
        elif chance < 0.4:
            change = {
                "tenant_id": TENANT,
                "capacity_type": "time_slot",
                "capacity_id": f"s{dice.randint(1, 2)}-t{dice.randint(1, 3)}",
                "change_type": "adjust",
                "quantity": dice.choice([-1, 1]),
            }
            work = partial(change_capacity, settings, CapacityRequest.model_validate(change))
        else:
            open_ = [row for row in world.rows("service_orders") if row["order_status"] in OPEN]
            if not open_:
                continue
            work = random_step(world, settings, dice, dice.choice(open_))
        crowd.attempt(work)


def random_booking(dice: random.Random, order_no: str) -> CreateOrder:
    items = [
        {
            "service_id": service,
            "time_slot_id": f"{service}-t{dice.randint(1, 3)}",
            "variant_id": dice.choice([None, f"{service}-v1", f"{service}-v2"]),
            "quantity": dice.randint(1, 2),
        }
        for service in dice.sample(["s1", "s2"], dice.randint(1, 2))
    ]
    coupons = dice.sample(["FIVE", "HALF"], dice.randint(0, 2)) if dice.random() < 0.3 else []
    return booking(order_no, items=items, coupon_codes=coupons)


def random_step(
    world: BookingWorld, settings: Settings, dice: random.Random, order: Row
) -> Callable[[], Any]:
    """A step that the order's state allowed when it was read."""
    named = {"tenant_id": TENANT, "order_no": order["order_no"]}
    new = dice.choice(STATES[order["order_status"]].leads_to)
    if new == "cancelled":
        return partial(cancel_order, settings, CancelOrder.model_validate(named))
    if new == "assigned":
        return partial(assign_provider, settings, AssignProvider.model_validate(named))
    if new == "rescheduled":
        lines = world.rows("service_order_items", order_id=order["id"])
        target = {line["id"]: f"{line['service_id']}-t{dice.randint(1, 3)}" for line in lines}
        move = RescheduleOrder.model_validate(named | {"slots": target})
        return partial(reschedule_order, settings, move)
    more: Row = {"new_status": new}
    if new == "paid":
        more["payment"] = {"payment_no": order["order_no"], "payment_method": "cash",
                           "payment_amount": order["total_amount"]}  # fmt: skip
    return partial(change_order_status, settings, ChangeStatus.model_validate(named | more))


def check_market(world: BookingWorld, threads: int, moves: int) -> None:
    market(world)
    crowd = Crowd(world, threads)
    crowd.run(lambda settings, number: act(crowd, settings, number, moves))
    assert crowd.errors == []
    assert crowd.met["done"] > threads * moves // 4
    check_books(world)
    held = Counter(
        order["assigned_provider_id"]
        for order in world.rows("service_orders")
        if order["order_status"] in OPEN and order["assigned_provider_id"]
    )
    assert all(count <= 6 for count in held.values())
    print(
        f"\n{threads} threads, {threads * moves:,} moves: {crowd.seconds:.1f} s, "
        f"{crowd.met['done']:,} done, errors met and retried {dict(crowd.collisions)}"
    )


def test_many_moves_at_once_keep_the_books(world: BookingWorld) -> None:
    check_market(world, 8, 25)


@pytest.mark.slow
def test_sixteen_hundred_moves_at_once_keep_the_books(world: BookingWorld) -> None:
    check_market(world, 16, 100)


def test_one_order_no_at_once_is_one_order(world: BookingWorld) -> None:
    world.service()
    world.slot(max_bookings=10)
    crowd = Crowd(world, 8)
    found = []
    crowd.run(lambda settings, _: found.append(create_order(settings, booking("A"))))
    assert crowd.errors == []
    assert len({order.order_id for order in found}) == 1
    assert sorted(order.created for order in found) == [False] * 7 + [True]
    assert world.row("service_time_slots", "slot")["current_bookings"] == 1
    check_books(world)


def test_a_provider_s_limit_holds_among_assignments_at_once(world: BookingWorld) -> None:
    world.service()
    world.slot(max_bookings=20)
    world.provider("p1", max_concurrent_services=3)
    world.provider("p2", max_concurrent_services=2)
    for n in range(12):
        world.create(f"A{n}")
        world.step(f"A{n}", "paid")
        world.step(f"A{n}", "confirmed")
    crowd = Crowd(world, 12)

    def assign(settings: Settings, number: int) -> None:
        request = AssignProvider(tenant_id=TENANT, order_no=f"A{number}")
        crowd.attempt(lambda: assign_provider(settings, request))

    crowd.run(assign)
    assert crowd.errors == []
    given = Counter(order["assigned_provider_id"] for order in world.rows("service_orders"))
    assert given == {"p1": 3, "p2": 2, None: 7}


# --- ended in the middle -------------------------------------------------------------------------


@contextmanager
def killed_before(settings: Settings, number: int) -> Iterator[list[str]]:
    """KILL the connection from a second one right before its statement of that number.

    The list holds the statements; one more than there are kills it before the commit.
    """
    engine, statements = database.connect_engine(settings), []

    def kill(connection: sa.Connection) -> None:
        thread = connection.connection.dbapi_connection.thread_id()
        with connect_mysql(settings) as other, other.cursor() as cursor:
            cursor.execute(f"kill {thread}")

    def before(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)
        if len(statements) == number:
            kill(connection)

    def commit(connection: sa.Connection) -> None:
        if statements and len(statements) < number:
            statements.append("commit")
            kill(connection)

    sa.event.listen(engine, "before_cursor_execute", before)
    sa.event.listen(engine, "commit", commit)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)
        sa.event.remove(engine, "commit", commit)


def killed_anywhere(world: BookingWorld, work: Callable[[], Any]) -> int:
    """Kill `work` before each of its statements and before its commit: nothing may stay."""
    before, number = world.everything(), 0
    while True:
        number += 1
        with (
            killed_before(world.settings, number) as statements,
            pytest.raises((WarehouseError, sa.exc.DBAPIError)),
        ):
            work()
        assert world.everything() == before, statements[-1]
        if statements[-1] == "commit":
            return number


def test_a_connection_that_is_killed_anywhere_leaves_nothing(world: BookingWorld) -> None:
    world.service()
    world.variant()
    world.slot()
    world.slot("later", hour=11)
    world.coupon("TEN")
    item = {"service_id": "service", "time_slot_id": "slot", "variant_id": "variant"}
    request = booking("A", items=[item], coupon_codes=["TEN"])
    assert killed_anywhere(world, lambda: create_order(world.settings, request)) > 15
    assert create_order(world.settings, request).created
    world.step("A", "paid")
    world.step("A", "confirmed")
    move = RescheduleOrder(tenant_id=TENANT, order_no="A", time_slot_id="later")
    assert killed_anywhere(world, lambda: reschedule_order(world.settings, move)) > 10
    assert reschedule_order(world.settings, move).order_status == "rescheduled"
    cancel = CancelOrder(tenant_id=TENANT, order_no="A")
    assert killed_anywhere(world, lambda: cancel_order(world.settings, cancel)) > 10
    assert cancel_order(world.settings, cancel).order_status == "cancelled"
    check_books(world)


def test_a_process_that_is_killed_leaves_nothing_and_can_be_repeated(
    world: BookingWorld, tmp_path: Path
) -> None:
    """SIGKILL while it waits for the coupon, holding service and slot."""
    world.service()
    world.slot()
    world.coupon("TEN")
    request = booking("A", coupon_codes=["TEN"])
    file = tmp_path / "order.json"
    file.write_text(request.model_dump_json(exclude_none=True))
    command = [str(Path(sys.executable).parent / "warehouse"), "order", "create", file.name]
    environment = world.settings.child_environment()
    before = world.everything()
    coupons = world.table("marketing_coupons")
    with database.connect(world.settings) as holder:
        holder.execute(sa.select(coupons).with_for_update()).all()
        child = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
        wait_for_lock(world, child)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        holder.rollback()
    assert world.everything() == before
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["created"] is True
    check_books(world)


def wait_for_lock(world: BookingWorld, child: subprocess.Popen[bytes] | None = None) -> None:
    """Until a transaction waits for a row of this world."""
    asked = sa.text(
        "select count(*) from performance_schema.data_locks "
        "where lock_status = 'WAITING' and left(object_schema, char_length(:prefix)) = :prefix"
    )
    for _ in range(300):
        with database.connect(world.settings) as connection:
            if connection.scalar(asked, {"prefix": world.settings.database_prefix}):
                return
        assert child is None or child.poll() is None, "the command ended before it had to wait"
        time.sleep(0.05)
    raise AssertionError("nobody waits")


(TIMEOUT,) = (o for o in OPERATIONS if o.name == "handle_timeout_service_orders")


@pytest.mark.parametrize("what", ["a payment under way", "the order paid"])
def test_an_order_paid_between_selection_and_cancellation_stays(
    world: BookingWorld, what: str
) -> None:
    """The operation has chosen the order and waits for its lock when the payment commits."""
    world.service()
    world.slot()
    order = world.create("A")
    later = world.at(AS_OF + timedelta(minutes=30))
    orders, payments = world.table("service_orders"), world.table("service_order_payments")
    with ThreadPoolExecutor(1) as pool, database.connect(world.settings) as cashier:
        mine = orders.update().where(orders.c.id == order.order_id)
        cashier.execute(mine.values(notes="paying"))
        run = pool.submit(run_operation, TIMEOUT, later)
        wait_for_lock(world)
        if what == "the order paid":
            cashier.execute(mine.values(order_status="paid"))
        else:
            row = {"id": "p", "tenant_id": TENANT, "order_id": order.order_id, "payment_no": "p",
                   "payment_method": "cash", "payment_amount": Decimal("100.00"),
                   "payment_status": "processing"}  # fmt: skip
            cashier.execute(payments.insert(), row)
        cashier.commit()
        report = run.result()
    assert (report.examined, report.changed) == (1, 0)
    status = world.row("service_orders", order.order_id)["order_status"]
    assert status == ("paid" if what == "the order paid" else "pending_payment")
    assert world.row("service_time_slots", "slot")["current_bookings"] == 1
