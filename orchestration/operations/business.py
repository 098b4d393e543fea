"""The business domain's operations: unpaid orders, past slots, low capacity, expired coupons.

The transactions behind orders stand in business_booking, business_orders, business_payments and
business_capacity.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from orchestration.errors import WarehouseError
from orchestration.operations.business_orders import Actor, cancel
from orchestration.operations.business_payments import lock_payments
from orchestration.operations.business_rows import Refused, Unit
from orchestration.operations.order_states import FIRST
from orchestration.operations.running import Run

TIMEOUT_MINUTES, USUAL_TIMEOUT = "business.payment_timeout_minutes", Decimal(30)
# A payment in one of these keeps its order alive.
UNDER_WAY = ("processing", "success")
LOW_CAPACITY = "available slots at or under the threshold"
_IDS = uuid.UUID("0f6d2f0e-2f0a-5a39-9d0c-7d8e3a9b61c4")


def is_timed_out(
    order_time: datetime, payments: Collection[str], as_of: datetime, minutes: Decimal
) -> bool:
    """Whether an order that waits for payment is given up: from the very minute on."""
    if any(status in UNDER_WAY for status in payments):
        return False
    return order_time + timedelta(minutes=float(minutes)) <= as_of


def handle_timeout_service_orders(run: Run) -> None:
    """Cancel orders that nobody paid in time; close slots whose time is over."""
    for tenant_id, order_id in _timed_out(run):
        try:
            run.change(tenant_id, (order_id,), partial(_give_up, run))
        except Refused as refused:
            run.broken.append(f"order {order_id}: {refused.message.rstrip('.')}")
    for tenant_id, ids in _past_slots(run):
        run.change(tenant_id, ids, partial(_close_slots, run))
    if run.broken:
        raise WarehouseError(
            f"{len(run.broken)} unpaid orders could not be cancelled: {'; '.join(run.broken)}.",
            fix="mend what they name, then run the operation again; all others are done.",
        )


def _timed_out(run: Run) -> list[tuple[str, str]]:
    """Tenant and id of each order to cancel, the oldest first."""
    orders, payments = run.table("service_orders"), run.table("service_order_payments")
    waiting = (
        sa.select(orders.c.tenant_id, orders.c.id, orders.c.order_time, payments.c.payment_status)
        .select_from(orders.outerjoin(payments, payments.c.order_id == orders.c.id))
        .where(orders.c.order_status == FIRST)
        .order_by(orders.c.order_time, orders.c.id)
    )
    with run.read() as connection:
        timeouts = Unit(run.settings, connection, run.as_of).settings_by_tenant(TIMEOUT_MINUTES)
        rows = connection.execute(waiting).all()
    found = []
    for (tenant, key, placed), group in groupby(rows, lambda row: tuple(row[:3])):
        run.examined += 1
        minutes = _timeout(timeouts, tenant)
        if is_timed_out(placed, [row.payment_status for row in group], run.as_of, minutes):
            found.append((tenant, key))
    return found


def _timeout(timeouts: Mapping[str | None, Decimal], tenant: str) -> Decimal:
    return timeouts.get(tenant, timeouts.get(None, USUAL_TIMEOUT))


def _give_up(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    """Look at the order again under its lock: it may have been paid since."""
    unit = Unit.begin(run.settings, connection, run.as_of)
    (order,) = unit.lock("service_orders", ids).values()
    payments = lock_payments(unit, order["id"])
    minutes = _timeout(unit.settings_by_tenant(TIMEOUT_MINUTES), order["tenant_id"])
    statuses = [payment["payment_status"] for payment in payments]
    if order["order_status"] != FIRST or not is_timed_out(
        order["order_time"], statuses, run.as_of, minutes
    ):
        return 0
    reason = f"not paid within {minutes.normalize():f} minutes"
    cancel(unit, order, Actor("auto_scheduler", None, reason), "system")
    return 1


def is_over(day: date, end: time, as_of: datetime) -> bool:
    """Whether a slot's time has passed."""
    return datetime.combine(day, end) <= as_of


def _past_slots(run: Run) -> list[tuple[str, list[str]]]:
    slots = run.table("service_time_slots")
    asked = (
        sa.select(slots.c.tenant_id, slots.c.id, slots.c.slot_date, slots.c.end_time)
        .where(slots.c.status.in_(("available", "booked")), slots.c.slot_date <= run.as_of.date())
        .order_by(slots.c.tenant_id, slots.c.id)
    )
    with run.read() as connection:
        rows = connection.execute(asked).all()
    run.examined += len(rows)
    over = [row for row in rows if is_over(row.slot_date, row.end_time, run.as_of)]
    return [
        (tenant, [row.id for row in group])
        for tenant, group in groupby(over, lambda row: row.tenant_id)
    ]


def _close_slots(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    slots = run.table("service_time_slots")
    open_ = (slots.c.id.in_(ids), slots.c.status.in_(("available", "booked")))
    change = slots.update().where(*open_)
    return connection.execute(change.values(status="completed", updated_at=run.as_of)).rowcount


# --- low capacity --------------------------------------------------------------------------------


def check_low_capacity_services(run: Run) -> None:
    """Note in the capacity log, once a crossing, that a service is at or under its threshold."""
    with run.read() as connection:
        low = _low_services(run, connection)
    run.examined += len(low)
    low = [row for row in low if _is_news(row)]
    for tenant_id, group in groupby(low, lambda row: row.tenant_id):
        run.change(tenant_id, [row.id for row in group], partial(_note_low, run))


def _low_services(
    run: Run, connection: sa.Connection, ids: Sequence[str] | None = None
) -> Sequence[sa.Row[Any]]:
    """Low services, with the times of the last notice and of the last entry above the threshold."""
    services, logs = run.table("services"), run.table("service_capacity_logs")
    of_service = (
        logs.c.tenant_id == services.c.tenant_id,
        logs.c.capacity_type == "service",
        logs.c.capacity_id == services.c.id,
        # An entry of a clock that runs ahead would be news again and again until its time comes.
        logs.c.created_at <= run.as_of,
    )
    notice = sa.and_(logs.c.change_type == "adjust", logs.c.change_quantity == 0)
    above = logs.c.after_capacity > services.c.min_capacity_threshold
    asked = (
        sa.select(
            services.c.tenant_id,
            services.c.id,
            services.c.available_slots,
            sa.func.max(sa.case((notice, logs.c.created_at))).label("noted_at"),
            sa.func.max(sa.case((above, logs.c.created_at))).label("above_at"),
        )
        .select_from(services.outerjoin(logs, sa.and_(*of_service)))
        .where(
            services.c.status == "active",
            services.c.min_capacity_threshold > 0,
            services.c.available_slots <= services.c.min_capacity_threshold,
        )
        .group_by(services.c.tenant_id, services.c.id, services.c.available_slots)
        .order_by(services.c.tenant_id, services.c.id)
    )
    if ids is not None:
        asked = asked.where(services.c.id.in_(ids))
    return connection.execute(asked).all()


def _is_news(row: sa.Row[Any]) -> bool:
    # Within one second nobody knows what came first; silence is better than a notice every hour.
    return row.noted_at is None or (row.above_at is not None and row.above_at > row.noted_at)


def _note_low(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    unit = Unit.begin(run.settings, connection, run.as_of)
    unit.lock("services", ids)
    low = [row for row in _low_services(run, connection, ids) if _is_news(row)]
    unit.insert(
        "service_capacity_logs",
        [
            {
                "id": str(uuid.uuid5(_IDS, f"{row.id}/{run.as_of}")),
                "tenant_id": row.tenant_id,
                "capacity_type": "service",
                "capacity_id": row.id,
                "change_type": "adjust",
                "change_quantity": 0,
                "before_capacity": row.available_slots,
                "after_capacity": row.available_slots,
                "business_type": "adjustment",
                "reason": LOW_CAPACITY,
            }
            for row in low
        ],
    )
    return len(low)


# --- coupons -------------------------------------------------------------------------------------


def cleanup_expired_coupons(run: Run) -> None:
    """Mark active coupons whose time is over as expired."""
    coupons = run.table("marketing_coupons")
    over = (coupons.c.status == "active", coupons.c.end_time < run.as_of)
    asked = (
        sa.select(coupons.c.tenant_id, coupons.c.id)
        .where(*over)
        .order_by(coupons.c.tenant_id, coupons.c.id)
    )
    with run.read() as connection:
        rows = connection.execute(asked).all()
    run.examined += len(rows)

    def expire(connection: sa.Connection, ids: Sequence[str]) -> int:
        change = coupons.update().where(coupons.c.id.in_(ids), *over)
        return connection.execute(change.values(status="expired", updated_at=run.as_of)).rowcount

    for tenant_id, group in groupby(rows, lambda row: row.tenant_id):
        run.change(tenant_id, [row.id for row in group], expire)
