"""Places of services, variants and time slots: how each change moves them, and its log entry.

All three kinds come down to places free and places taken; `EFFECTS` says what a change does to both
for each place that it is about. Locked rows go in, the log and the new figures go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from orchestration.operations.business_requests import CapacityChange, CapacityRequest
from orchestration.operations.business_rows import Refused, Row, Unit, in_one_transaction, owned
from orchestration.settings import Settings

SERVICE, VARIANT, SLOT = "service", "variant", "time_slot"
TABLES = {SERVICE: "services", VARIANT: "service_variants", SLOT: "service_time_slots"}
# change -> places free and taken, a place
EFFECTS = {
    "book": (-1, 1),
    "cancel": (1, -1),
    "adjust": (1, 0),
    "block": (-1, 0),
    "release": (1, 0),
    "complete": (0, -1),
}
# where it differs: a finished variant is free again, and slots change their status instead
EXCEPTIONS = {
    (VARIANT, "complete"): (1, -1),
    (SLOT, "complete"): (0, 0),
    (SLOT, "block"): (0, 0),
    (SLOT, "release"): (0, 0),
}
# a slot's change -> the states in which it can happen
SLOT_STATES = {
    "book": ("available",),
    "cancel": ("available", "booked", "blocked", "completed", "cancelled"),
    "adjust": ("available", "booked", "blocked"),
    "block": ("available", "booked"),
    "release": ("blocked",),
    "complete": ("available", "booked", "blocked", "completed"),
}
BUSINESS = {
    "book": "booking",
    "cancel": "cancellation",
    "complete": "completion",
    "adjust": "adjustment",
}


@dataclass(frozen=True)
class Places:
    """Free and taken places of one thing; only slots have a status of their own here."""

    free: int
    taken: int
    status: str | None = None


@dataclass(frozen=True)
class Change:
    """A change to one thing's places."""

    kind: str
    key: str
    change: str
    quantity: int


def after(places: Places, kind: str, change: str, quantity: int) -> Places:
    """The places that a change leaves; Refused where there would be fewer than none."""
    free, taken = EXCEPTIONS.get((kind, change), EFFECTS[change])
    found = Places(places.free + free * quantity, places.taken + taken * quantity, places.status)
    if kind == SLOT:
        if places.status not in SLOT_STATES[change]:
            raise Refused(f"it is {places.status}", fix="choose another slot.")
        found = replace(found, status=_slot_status(found, change))
    if found.free < 0:
        raise Refused(
            f"{places.free} places are free, {quantity if free < 0 else -quantity} are asked for",
            fix="ask for fewer, or for another time.",
        )
    if found.taken < 0:
        raise Refused(
            f"{places.taken} places are booked, {quantity} are to be given up",
            fix="look into the capacity log for what took them off before.",
        )
    return found


def _slot_status(places: Places, change: str) -> str:
    match change:
        case "block":
            return "blocked"
        case "complete":
            return "completed"
    open_ = places.status in ("available", "booked") or change == "release"
    return ("available" if places.free > 0 else "booked") if open_ else str(places.status)


def read_places(kind: str, row: Row) -> Places:
    """What a row says of its places."""
    if kind == SERVICE:
        return Places(row["available_slots"] or 0, row["booked_slots"] or 0)
    if kind == VARIANT:
        taken = row["booked_capacity"] or 0
        return Places((row["capacity"] or 0) - taken, taken)
    taken = row["current_bookings"] or 0
    return Places((row["max_bookings"] or 0) - taken, taken, row["status"])


def write_places(kind: str, places: Places) -> dict[str, Any]:
    """The columns that say so."""
    if kind == SERVICE:
        return {"available_slots": places.free, "booked_slots": places.taken}
    if kind == VARIANT:
        return {"capacity": places.free + places.taken, "booked_capacity": places.taken}
    return {
        "max_bookings": places.free + places.taken,
        "current_bookings": places.taken,
        "status": places.status,
    }


def lock_things(unit: Unit, changes: Iterable[Change]) -> dict[tuple[str, str], Row]:
    """Lock all that the changes are about, kind by kind."""
    wanted = list(changes)
    return {
        (kind, key): row
        for kind, table in TABLES.items()
        for key, row in unit.lock(table, [c.key for c in wanted if c.kind == kind]).items()
    }


def plan_changes(
    things: Mapping[tuple[str, str], Row], changes: Sequence[Change]
) -> tuple[dict[tuple[str, str], Places], list[tuple[Change, Places, Places]]]:
    """What the things come to, and each change with the places before and after it."""
    now: dict[tuple[str, str], Places] = {}
    steps = []
    for change in changes:
        thing = (change.kind, change.key)
        before = now.get(thing) or read_places(change.kind, things[thing])
        try:
            now[thing] = after(before, change.kind, change.change, change.quantity)
        except Refused as refused:
            what = change.kind.replace("_", " ")
            raise Refused(
                f"Cannot {change.change} {change.quantity} of {what} {change.key}: "
                f"{refused.message}.",
                fix=refused.fix,
            ) from None
        steps.append((change, before, now[thing]))
    return now, steps


def apply_changes(
    unit: Unit,
    things: Mapping[tuple[str, str], Row],
    changes: Sequence[Change],
    cause: Callable[[Change], Mapping[str, Any]],
) -> list[tuple[Change, Places, Places]]:
    """Write what the changes leave and a log entry for each; `cause` says why, column by column."""
    now, steps = plan_changes(things, changes)
    for (kind, key), places in now.items():
        unit.update(TABLES[kind], key, write_places(kind, places))
    unit.insert(
        "service_capacity_logs",
        [
            {
                "tenant_id": things[change.kind, change.key]["tenant_id"],
                "capacity_type": change.kind,
                "capacity_id": change.key,
                "change_type": change.change,
                "change_quantity": change.quantity,
                "before_capacity": before.free,
                "after_capacity": found.free,
                "business_type": BUSINESS.get(change.change),
            }
            | _when(things[change.kind, change.key], change.kind)
            | dict(cause(change))
            for change, before, found in steps
        ],
    )
    return steps


def _when(row: Row, kind: str) -> dict[str, Any]:
    slot = kind == SLOT
    return {
        "service_date": row["slot_date"] if slot else None,
        "service_time_start": row["start_time"] if slot else None,
        "service_time_end": row["end_time"] if slot else None,
    }


def change_capacity(settings: Settings, request: CapacityRequest) -> CapacityChange:
    """Change the places of a service, variant or slot by hand, under its lock, with a log entry."""
    return in_one_transaction(settings, partial(_change, request))


def _change(request: CapacityRequest, unit: Unit) -> CapacityChange:
    kind, key = request.capacity_type, request.capacity_id
    row = owned(
        unit.lock(TABLES[kind], [key]), key, request.tenant_id, kind.replace("_", " ")
    )  # fmt: skip
    ((change, before, found),) = apply_changes(
        unit,
        {(kind, key): row},
        [Change(kind, key, request.change_type, request.quantity)],
        lambda _: {
            "reference_no": request.reference_no,
            "reason": request.reason,
            "operator_id": request.operator_id,
        },
    )
    return CapacityChange(
        capacity_type=kind,
        capacity_id=key,
        change_type=change.change,
        quantity=change.quantity,
        before_capacity=before.free,
        after_capacity=found.free,
        status=found.status,
    )
