"""The state machine against 03's words, the schema of record and the document drawn from it."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from orchestration.operations import business_requests
from orchestration.operations.business_capacity import (
    EFFECTS,
    EXCEPTIONS,
    SLOT_STATES,
    Places,
    after,
)
from orchestration.operations.business_commands import STATES_FILE
from orchestration.operations.business_rows import LOCK_ORDER, Refused
from orchestration.operations.order_states import CLOSED, OPEN, STATES, document, may_become
from orchestration.schema.record import load_record

WORDS = """
pending_payment → paid, cancelled; paid → confirmed, cancelled, refunded; confirmed → assigned,
rescheduled, cancelled; assigned → preparing, in_progress, rescheduled, cancelled; preparing →
in_progress, cancelled; in_progress → completed; rescheduled → confirmed, assigned, cancelled;
completed → refunded; cancelled → refunded
"""
RECORD = load_record(("business",))


def enum_of(table: str, column: str) -> set[str]:
    return set(RECORD.table(table).column(column).enum_values)


def test_exactly_the_steps_that_are_written_down_are_allowed() -> None:
    allowed = set()
    for sentence in WORDS.replace("\n", " ").split(";"):
        old, news = sentence.split("→")
        allowed |= {(old.strip(), new.strip()) for new in news.split(",")}
    assert {step for step in product(STATES, STATES) if may_become(*step)} == allowed
    assert len(allowed) == 20


def test_the_table_speaks_the_record_s_words() -> None:
    assert set(STATES) == enum_of("service_orders", "order_status") == {*OPEN, *CLOSED}
    columns = {column.name for column in RECORD.table("service_orders").columns}
    assert {state.stamp for state in STATES.values()} - {None} <= columns
    for name, column in (("service_orders", "service_status"),
                         ("service_order_items", "service_status")):  # fmt: skip
        said = {getattr(s, "service_status" if name == "service_orders" else "line_status")
                for s in STATES.values()} - {None}  # fmt: skip
        assert said <= enum_of(name, column)
    assert all(name in {table.name for table in RECORD} for name in LOCK_ORDER)


def test_requests_take_exactly_the_values_that_the_columns_hold() -> None:
    homes = {
        "capacity_type": "service_capacity_logs", "change_type": "service_capacity_logs",
        "order_source": "service_orders", "order_type": "service_orders",
        "customer_type": "service_orders", "service_location_type": "service_orders",
        "payment_method": "service_order_payments", "operator_type": "service_order_status_history",
        "new_status": "service_order_status_history",
    }  # fmt: skip
    seen: set[str] = set()
    for model in vars(business_requests).values():
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        for name, field in model.model_fields.items():
            values = _literal(field.annotation)
            if name in homes and values:
                assert values == enum_of(homes[name], name), name
                seen.add(name)
            if name in ("cancelled_by", "requested_by"):
                assert values == enum_of("service_orders", "cancelled_by")
    assert seen == homes.keys()


def _literal(annotation: Any) -> set[str]:
    return set(get_args(annotation)) if get_origin(annotation) is Literal else set()


def test_the_document_is_what_the_table_says() -> None:
    assert STATES_FILE.read_text(encoding="utf-8") == document(), (
        "stale: run `warehouse order states`"
    )
    steps = [text.split(" : ")[0] for text in document().splitlines() if " --> " in text]
    assert len(steps) == 20 + 1 + len(CLOSED)


# kind, change -> free and taken after 3 places of 10 free and 5 taken, as 03's table says
TABLE = {
    ("service", "book"): (7, 8), ("service", "cancel"): (13, 2), ("service", "adjust"): (13, 5),
    ("service", "block"): (7, 5), ("service", "release"): (13, 5), ("service", "complete"): (10, 2),
    ("variant", "book"): (7, 8), ("variant", "cancel"): (13, 2), ("variant", "adjust"): (13, 5),
    ("variant", "block"): (7, 5), ("variant", "release"): (13, 5), ("variant", "complete"): (13, 2),
    ("time_slot", "book"): (7, 8), ("time_slot", "cancel"): (13, 2),
    ("time_slot", "adjust"): (13, 5), ("time_slot", "block"): (10, 5),
    ("time_slot", "release"): (10, 5), ("time_slot", "complete"): (10, 5),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "change"), TABLE)
def test_each_change_moves_the_places_that_the_table_says(kind: str, change: str) -> None:
    status = None
    if kind == "time_slot":
        status = "blocked" if change == "release" else "available"
    found = after(Places(10, 5, status), kind, change, 3)
    assert (found.free, found.taken) == TABLE[kind, change]
    if kind == "time_slot":
        assert found.status == {"block": "blocked", "complete": "completed"}.get(
            change, "available"
        )
    assert set(EFFECTS) == enum_of("service_capacity_logs", "change_type") == set(SLOT_STATES)
    assert set(EXCEPTIONS) <= set(TABLE)


@pytest.mark.parametrize(("kind", "change"), TABLE)
def test_nothing_goes_below_zero(kind: str, change: str) -> None:
    """The last place can go, the one after it cannot."""
    if TABLE[kind, change] == (10, 5):
        return
    free, taken = (part - was for part, was in zip(TABLE[kind, change], (10, 5), strict=True))
    places = Places(3 if free < 0 else 0, 3 if taken < 0 else 0, "available")
    found = after(places, kind, change, 3)
    assert min(found.free, found.taken) == 0
    if free < 0 or taken < 0:
        with pytest.raises(Refused):
            after(places, kind, change, 4)


def test_capacity_shrinks_to_what_is_booked_and_no_further() -> None:
    for kind in ("service", "variant", "time_slot"):
        assert after(Places(3, 7, "available"), kind, "adjust", -3).free == 0
        with pytest.raises(Refused, match="3 places are free, 4 are asked for"):
            after(Places(3, 7, "available"), kind, "adjust", -4)


def test_a_slot_is_booked_when_full_and_open_again_when_not() -> None:
    assert after(Places(1, 4, "available"), "time_slot", "book", 1).status == "booked"
    assert after(Places(0, 5, "booked"), "time_slot", "cancel", 1).status == "available"
    assert after(Places(0, 5, "booked"), "time_slot", "adjust", 1).status == "available"
    assert after(Places(1, 5, "available"), "time_slot", "adjust", -1).status == "booked"
    assert after(Places(0, 5, "blocked"), "time_slot", "release", 1).status == "booked"
    assert after(Places(0, 5, "blocked"), "time_slot", "cancel", 1).status == "blocked"
    assert after(Places(0, 5, "completed"), "time_slot", "cancel", 1).status == "completed"


@pytest.mark.parametrize("status", ["available", "booked", "blocked", "completed", "cancelled"])
@pytest.mark.parametrize("change", sorted(SLOT_STATES))
def test_a_slot_takes_a_change_in_the_states_that_are_listed(status: str, change: str) -> None:
    if status in SLOT_STATES[change]:
        after(Places(5, 5, status), "time_slot", change, 1)
    else:
        with pytest.raises(Refused, match=f"it is {status}"):
            after(Places(5, 5, status), "time_slot", change, 1)
