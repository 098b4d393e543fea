"""The states of a service order, as one table: code, history and docs/order-states.md go by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class State:
    """What follows a state, what it means for order and lines, and the column with its time.

    `service_status` and `line_status` are None where they depend on how far the work had come.
    """

    leads_to: tuple[str, ...]
    service_status: str | None
    line_status: str | None
    stamp: str | None
    meaning: str


STATES: Mapping[str, State] = {
    "pending_payment": State(
        ("paid", "cancelled"), "not_started", "pending", None,
        "Placed: places and coupons are held for 30 minutes.",
    ),
    "paid": State(
        ("confirmed", "cancelled", "refunded"), "not_started", "pending", "payment_time",
        "The payments received cover the total.",
    ),
    "confirmed": State(
        ("assigned", "rescheduled", "cancelled"), "not_started", "confirmed", "confirm_time",
        "The tenant takes the booking on.",
    ),
    "assigned": State(
        ("preparing", "in_progress", "rescheduled", "cancelled"),
        "not_started", "confirmed", "assigned_time", "A provider does the work.",
    ),
    "preparing": State(
        ("in_progress", "cancelled"), "preparing", "preparing", None,
        "The provider gets ready.",
    ),
    "in_progress": State(
        ("completed",), "in_progress", "in_progress", "service_start_time", "The work goes on.",
    ),
    "completed": State(
        ("refunded",), "completed", "completed", "complete_time",
        "The work is done; places are used up.",
    ),
    "cancelled": State(
        ("refunded",), "cancelled", "cancelled", "cancel_time",
        "Places and coupons went back; a late cancellation costs a fee.",
    ),
    "refunded": State(
        (), None, None, None, "What was paid went back, all but a cancellation fee.",
    ),
    "rescheduled": State(
        ("confirmed", "assigned", "cancelled"), "not_started", "rescheduled", None,
        "Moved to another time, which the tenant has to confirm.",
    ),
}  # fmt: skip
FIRST = "pending_payment"
CLOSED = ("completed", "cancelled", "refunded")
OPEN = tuple(state for state in STATES if state not in CLOSED)
# What a transition asks for besides the state it starts from.
CONDITIONS: Mapping[tuple[str, str], str] = {
    (old, "refunded"): "paid_amount > 0" for old, state in STATES.items()
    if "refunded" in state.leads_to
}  # fmt: skip


def may_become(old: str, new: str) -> bool:
    """Whether the table allows the step."""
    return new in STATES[old].leads_to


def document() -> str:
    """docs/order-states.md: the table as a diagram and in words."""
    steps = [f"    [*] --> {FIRST}"]
    for old, new in product(STATES, STATES):
        if may_become(old, new):
            condition = CONDITIONS.get((old, new))
            steps.append(f"    {old} --> {new}{f' : {condition}' if condition else ''}")
    steps += [f"    {name} --> [*]" for name in CLOSED]
    lines = [
        "# Order states",
        "",
        "Written by `warehouse order states` from `orchestration/operations/order_states.py`.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        *steps,
        "```",
        "",
        "| state | means | service_status | lines | time in |",
        "|---|---|---|---|---|",
    ]
    for name, state in STATES.items():
        cells = (state.service_status, state.line_status, state.stamp)
        said = " | ".join(f"`{cell}`" if cell else "-" for cell in cells)
        lines.append(f"| `{name}` | {state.meaning} | {said} |")
    lines += [
        "",
        "A refund after the work leaves it completed, one before it cancels it. A state that is",
        "reached twice keeps its first time; every step has its row in",
        "`service_order_status_history`.",
    ]
    return "\n".join(lines) + "\n"
