"""Who does the work: a provider by name, or by the rule.

The rule takes active, verified providers who work at the agreed time and are below their limit of
open orders: the service's default provider first, then who has the fewest, ties by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration.operations.business_rows import Refused, Row, Unit, owned
from orchestration.operations.order_states import OPEN

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Candidate:
    """A provider who may and can, with the orders that are open there."""

    id: str
    limit: int
    open_orders: int


def choose(candidates: Iterable[Candidate], preferred: str | None = None) -> str | None:
    """The provider to take, None when all are full."""
    free = [c for c in candidates if c.open_orders < c.limit]
    first = min(free, key=lambda c: (c.id != preferred, c.open_orders, c.id), default=None)
    return first and first.id


def works_at(hours: Any, start: datetime, end: datetime) -> bool:
    """Whether `working_hours` cover the whole time; nothing known means no."""
    day = hours.get(WEEKDAYS[start.weekday()]) if isinstance(hours, Mapping) else None
    try:
        opens, closes = (int(at[:-3]) * 60 + int(at[-2:]) for at in day or ())
    except (TypeError, ValueError):
        return False
    midnight = datetime.combine(start.date(), datetime.min.time())
    return midnight + timedelta(minutes=opens) <= start and end <= midnight + timedelta(
        minutes=closes
    )


def choose_provider(
    unit: Unit, order: Row, lines: Sequence[Row], provider_id: str | None, method: str
) -> dict[str, Any]:
    """The order's columns with its provider, whose row is locked; Refused when there is none."""
    if provider_id is None:
        provider_id, method = _by_rule(unit, order, lines), "auto"
    else:
        locked = unit.lock("service_providers", [provider_id])
        provider = owned(locked, provider_id, order["tenant_id"], "provider")
        if provider["status"] != "active":
            raise Refused(
                f"Provider {provider_id} is {provider['status']}.", fix="choose an active one."
            )
    return {
        "assigned_provider_id": provider_id,
        "provider_assigned_at": unit.as_of,
        "provider_assignment_method": method,
    }


def _by_rule(unit: Unit, order: Row, lines: Sequence[Row]) -> str:
    services = {row["id"]: row for row in _named(unit, "services", lines, "service_id")}
    ordered = [services[line["service_id"]] for line in lines]
    by_hand = [s["service_code"] for s in ordered if not s["auto_assign_provider"]]
    if by_hand:
        raise Refused(
            f"Providers of {', '.join(by_hand)} are chosen by people.", fix="name provider_id."
        )
    allowed = [set(s["available_providers"]) for s in ordered if s["available_providers"]]
    slots = _named(unit, "service_time_slots", lines, "time_slot_id")
    allowed += [{slot["provider_id"]} for slot in slots if slot["provider_id"]]
    start = datetime.combine(
        order["service_date"], order["service_time_start"] or datetime.min.time()
    )
    end = start + timedelta(minutes=order["estimated_duration_minutes"] or 0)

    def fits(provider: Row) -> bool:
        return (
            provider["status"] == "active"
            and bool(provider["is_verified"])
            and all(provider["id"] in ids for ids in allowed)
            and works_at(provider["working_hours"], start, end)
        )

    providers = unit.table("service_providers")
    of_tenant = unit.rows(providers.name, providers.c.tenant_id == order["tenant_id"])
    locked = unit.lock(providers.name, [p["id"] for p in of_tenant if fits(p)])
    fitting = [provider for provider in locked.values() if fits(provider)]
    counts = _open_orders(unit, [provider["id"] for provider in fitting], order["id"])
    chosen = choose(
        (
            Candidate(p["id"], p["max_concurrent_services"] or 0, counts.get(p["id"], 0))
            for p in fitting
        ),
        next((s["default_provider_id"] for s in ordered if s["default_provider_id"]), None),
    )
    if chosen is None:
        raise Refused(
            f"No provider is free for order {order['order_no']}: of {len(of_tenant)}, "
            f"{len(fitting)} are active, verified, admitted and at work then.",
            fix="name provider_id, or move the order.",
        )
    return chosen


def _named(unit: Unit, table: str, lines: Sequence[Row], column: str) -> list[Row]:
    ids = {line[column] for line in lines if line[column] is not None}
    return unit.rows(table, unit.table(table).c.id.in_(ids)) if ids else []


def _open_orders(unit: Unit, providers: Sequence[str], but: str) -> dict[str, int]:
    orders = unit.table("service_orders")
    who = orders.c.assigned_provider_id
    asked = (
        sa.select(who, sa.func.count())
        .where(who.in_(providers), orders.c.order_status.in_(OPEN), orders.c.id != but)
        .group_by(who)
    )
    return dict(unit.connection.execute(asked).all())
