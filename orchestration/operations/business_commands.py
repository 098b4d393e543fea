"""`warehouse order` and `warehouse capacity`: the booking transactions by hand, JSON in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.errors import WarehouseError
from orchestration.options import AsOf, JsonFile, Target, read_bytes, say
from orchestration.settings import PROJECT_ROOT, Settings, load_settings, one_of

if TYPE_CHECKING:
    from orchestration.operations.business_requests import Request, Result

order_app = typer.Typer(
    help="Service orders by hand: a request as JSON in, the result as JSON out."
)
capacity_app = typer.Typer(help="Places of services, variants and time slots by hand.")
STATES_FILE = PROJECT_ROOT / "docs" / "order-states.md"


@order_app.command()
def create(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Place an order; the same order_no again answers with the same order."""
    from orchestration.operations.business_booking import create_order
    from orchestration.operations.business_requests import CreateOrder

    _answer(file, CreateOrder, create_order, target, as_of)


@order_app.command()
def status(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Take an order to its next state; docs/order-states.md shows which those are."""
    from orchestration.operations.business_orders import change_order_status
    from orchestration.operations.business_requests import ChangeStatus

    _answer(file, ChangeStatus, change_order_status, target, as_of)


@order_app.command()
def cancel(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Cancel an order: places and coupons go back, a late customer owes the fee."""
    from orchestration.operations.business_orders import cancel_order
    from orchestration.operations.business_requests import CancelOrder

    _answer(file, CancelOrder, cancel_order, target, as_of)


@order_app.command()
def reschedule(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Move an order to another time or slot."""
    from orchestration.operations.business_requests import RescheduleOrder
    from orchestration.operations.business_rescheduling import reschedule_order

    _answer(file, RescheduleOrder, reschedule_order, target, as_of)


@order_app.command()
def assign(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Give an order to a provider: the one named, else the one that the rule chooses."""
    from orchestration.operations.business_orders import assign_provider
    from orchestration.operations.business_requests import AssignProvider

    _answer(file, AssignProvider, assign_provider, target, as_of)


@order_app.command()
def settle(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Divide a payment between platform and provider, or say that it was paid out."""
    from orchestration.operations.business_payments import settle_payment
    from orchestration.operations.business_requests import SettlePayment

    _answer(file, SettlePayment, settle_payment, target, as_of)


@order_app.command()
def states(
    check: Annotated[bool, typer.Option(help="Change nothing; exit 1 if it is stale.")] = False,
) -> None:
    """Write the state machine to docs/order-states.md."""
    from orchestration.operations.order_states import document

    text = document()
    fresh = STATES_FILE.exists() and STATES_FILE.read_text(encoding="utf-8") == text
    if check and not fresh:
        raise WarehouseError(f"{STATES_FILE} is stale.", fix="run `warehouse order states`.")
    if not fresh:
        STATES_FILE.write_text(text, encoding="utf-8")
    say(f"{STATES_FILE} is up to date")


@capacity_app.callback()
def _capacity() -> None:
    """Keep `change` a command of its own, though it is the only one."""


@capacity_app.command()
def change(file: JsonFile, target: Target = None, as_of: AsOf = None) -> None:
    """Book, cancel, complete, adjust, block or release places, with an entry in the log."""
    from orchestration.operations.business_capacity import change_capacity
    from orchestration.operations.business_requests import CapacityRequest

    _answer(file, CapacityRequest, change_capacity, target, as_of)


def _answer(
    file: Path,
    model: type[Request],
    work: Callable[[Settings, Any], Result],
    target: str | None,
    as_of: str | None,
) -> None:
    from orchestration.operations.business_requests import parse_request

    data = read_bytes(file)
    settings = load_settings(target=target, as_of=as_of)
    one_of("domain", "business", settings.domains)
    say(work(settings, parse_request(model, data)).model_dump_json())
