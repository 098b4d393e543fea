"""What the booking transactions are asked and what they answer; JSON in, JSON out."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestration.errors import WarehouseError


def _wall_clock(value: time) -> time:
    if value.tzinfo is not None or value.microsecond:
        raise ValueError("expected business wall clock in whole seconds, without a zone")
    return value


Id = Annotated[str, Field(min_length=1, max_length=36)]
Code = Annotated[str, Field(min_length=1, max_length=50)]
Short = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(max_length=500)]
Text = Annotated[str, Field(max_length=10_000)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Clock = Annotated[time, AfterValidator(_wall_clock)]
Amount = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]
Json = dict[str, Any]

Operator = Literal[
    "customer", "admin", "system", "payment_gateway", "provider", "auto_scheduler"
]  # fmt: skip
Party = Literal["customer", "provider", "admin", "system"]
Status = Literal[
    "pending_payment", "paid", "confirmed", "assigned", "preparing", "in_progress", "completed",
    "cancelled", "refunded", "rescheduled",
]  # fmt: skip


class Request(BaseModel):
    """Every key is known, and nothing is changed once it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: Id


class CapacityRequest(Request):
    """A change by hand; `quantity` is signed for adjust and counts places otherwise."""

    capacity_type: Literal["service", "variant", "time_slot"]
    capacity_id: Id
    change_type: Literal["book", "cancel", "complete", "adjust", "block", "release"]
    quantity: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 1
    reference_no: Short | None = None
    reason: Reason | None = None
    operator_id: Id | None = None

    @model_validator(mode="after")
    def _signed(self) -> CapacityRequest:
        if self.quantity < 1 and (self.change_type != "adjust" or self.quantity == 0):
            raise ValueError("quantity: expected 1 or more; for adjust, anything but 0")
        return self


class ItemRequest(BaseModel):
    """A line to order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service_id: Id
    variant_id: Id | None = None
    time_slot_id: Id | None = None
    quantity: Count = 1


class CreateOrder(Request):
    """An order; with a slot among its lines, day and start may be left to the slot."""

    order_no: Code
    order_source: Literal["web", "app", "wework", "api", "admin", "phone"]
    order_type: Literal["immediate", "scheduled", "recurring", "emergency"] = "scheduled"
    external_order_no: Short | None = None
    customer_id: Id | None = None
    customer_type: Literal["member", "guest", "enterprise"] = "guest"
    contact_info: Json | None = None
    service_date: date | None = None
    service_time_start: Clock | None = None
    service_location_type: Literal["online", "onsite", "office", "third_party"]
    service_address: Json | None = None
    items: Annotated[tuple[ItemRequest, ...], Field(min_length=1, max_length=100)]
    coupon_codes: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    special_instructions: Text | None = None
    notes: Text | None = None
    operator_type: Operator = "customer"
    operator_id: Id | None = None

    @model_validator(mode="after")
    def _coherent(self) -> CreateOrder:
        if len(set(self.coupon_codes)) < len(self.coupon_codes):
            raise ValueError("coupon_codes: a code counts once")
        if self.service_location_type == "onsite" and not self.service_address:
            raise ValueError("service_address: expected for an onsite service")
        return self


class OrderRequest(Request):
    """Names an order, by id or by number, and who wants something of it."""

    order_id: Id | None = None
    order_no: Code | None = None
    reason: Reason | None = None
    operator_type: Operator = "admin"
    operator_id: Id | None = None

    @model_validator(mode="after")
    def _one_name(self) -> OrderRequest:
        if (self.order_id is None) == (self.order_no is None):
            raise ValueError("order_id: expected either order_id or order_no")
        return self


class Payment(BaseModel):
    """Money that came in for the order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    payment_no: Code
    payment_method: Literal[
        "alipay", "wechat", "bank_transfer", "credit_card", "cash", "corporate_account", "points"
    ]
    payment_amount: Amount
    payment_channel: Code | None = None
    gateway_transaction_no: Short | None = None


class ChangeStatus(OrderRequest):
    """A step of the state machine; `payment` comes with paid, `provider_id` with assigned."""

    new_status: Status
    payment: Payment | None = None
    provider_id: Id | None = None
    location_info: Json | None = None
    device_info: Json | None = None
    extra_data: Json | None = None

    @model_validator(mode="after")
    def _fitting(self) -> ChangeStatus:
        for name, status in (("payment", "paid"), ("provider_id", "assigned")):
            if getattr(self, name) is not None and self.new_status != status:
                raise ValueError(f"{name}: only with new_status {status}")
        return self


class CancelOrder(OrderRequest):
    """A cancellation; the fee for late ones falls on customers only."""

    cancelled_by: Party = "customer"


class RescheduleOrder(OrderRequest):
    """A new time: `time_slot_id` for the order's only slot, or `slots` from line to new slot.

    Orders without slots name day and start.
    """

    requested_by: Party = "customer"
    service_date: date | None = None
    service_time_start: Clock | None = None
    time_slot_id: Id | None = None
    slots: dict[Id, Id] = {}


class AssignProvider(OrderRequest):
    """Without `provider_id` the rule chooses."""

    provider_id: Id | None = None
    method: Literal["manual", "customer_choice"] = "manual"


class SettlePayment(Request):
    """processed divides what a payment left; completed says that it was paid out."""

    payment_id: Id
    settlement_status: Literal["processed", "completed"] = "processed"


class Result(BaseModel):
    """What an operation answers."""

    model_config = ConfigDict(frozen=True)


class CapacityChange(Result):
    """An entry of the capacity log, and the state that the thing is in now (slots only)."""

    capacity_type: str
    capacity_id: str
    change_type: str
    quantity: int
    before_capacity: int
    after_capacity: int
    status: str | None


class OrderLine(Result):
    """A line as it stands."""

    id: str
    service_id: str
    variant_id: str | None
    time_slot_id: str | None
    quantity: int
    unit_price: Decimal
    final_price: Decimal
    service_status: str


class OrderResult(Result):
    """An order as it stands; `created` is false where an earlier request had made it."""

    order_id: str
    order_no: str
    order_status: str
    payment_status: str
    service_status: str
    service_date: date
    service_time_start: time | None
    assigned_provider_id: str | None
    subtotal: Decimal
    travel_fee: Decimal
    service_fee: Decimal
    discount_amount: Decimal
    total_amount: Decimal
    paid_amount: Decimal
    refund_amount: Decimal
    cancellation_fee: Decimal
    items: tuple[OrderLine, ...]
    created: bool = False


class Settlement(Result):
    """How a payment was divided."""

    payment_id: str
    settlement_status: str
    settlement_amount: Decimal
    platform_fee: Decimal
    provider_amount: Decimal


R = TypeVar("R", bound=Request)


def parse_request(model: type[R], text: str | bytes) -> R:
    """A request from JSON; WarehouseError names the path of each fault."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        faults = []
        for fault in error.errors(include_url=False, include_input=False):
            path = ".".join(str(part) for part in fault["loc"])
            faults.append(f"{path}: {fault['msg']}" if path else fault["msg"])
        raise WarehouseError(
            f"The request cannot be understood: {'; '.join(faults)}.",
            fix=f"correct it; it may hold {', '.join(model.model_fields)}.",
        ) from None
