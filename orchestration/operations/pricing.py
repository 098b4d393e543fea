"""What an order costs: unit prices, coupons, the travel fee, and fees for changing one's mind late.

Pure: amounts are decimals of yuan, rounded half up to the cent where something is multiplied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from orchestration.operations.business_rows import Refused

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")
TRAVEL_FEE = Decimal("50.00")
MINUTES_OF_DAY = 24 * 60
# What service_orders.discount_amount holds, the narrowest of the columns an amount may end in.
LARGEST_AMOUNT = Decimal("99999999.99")


@dataclass(frozen=True)
class Priceable:
    """A line before it is priced: what the catalogue says, and how much of it is wanted."""

    pricing_model: str
    quantity: int
    minutes: int | None
    base_price: Decimal
    sale_price: Decimal | None = None
    slot_price: Decimal | None = None
    variant_price: Decimal | None = None


@dataclass(frozen=True)
class Coupon:
    """A coupon's terms."""

    code: str
    kind: str
    value: Decimal
    minimum: Decimal = NOTHING
    cap: Decimal | None = None


@dataclass(frozen=True)
class PricedLine:
    """A line's share of everything; `final` is what it brings in."""

    unit_price: Decimal
    subtotal: Decimal
    travel_fee: Decimal
    discount: Decimal

    @property
    def final(self) -> Decimal:
        """Subtotal and travel minus the discount."""
        return self.subtotal + self.travel_fee - self.discount


@dataclass(frozen=True)
class Price:
    """An order's amounts; `reductions` are (code, amount) in the order in which they reduced."""

    subtotal: Decimal
    travel_fee: Decimal
    discount: Decimal
    lines: tuple[PricedLine, ...]
    reductions: tuple[tuple[str, Decimal], ...]

    @property
    def total(self) -> Decimal:
        """What the customer owes."""
        return self.subtotal + self.travel_fee - self.discount


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def unit_price(line: Priceable) -> Decimal:
    """The variant's price, else the slot's, else the sale price, else the list price."""
    for price in (line.variant_price, line.slot_price, line.sale_price):
        if price is not None:
            return price
    return line.base_price


def line_amount(line: Priceable) -> Decimal:
    """The unit price times hours, days begun or once, to the cent; times the quantity."""
    price = unit_price(line)
    if line.pricing_model in ("hourly", "daily"):
        if not line.minutes or line.minutes < 0:
            raise Refused(
                f"The price is {line.pricing_model} and no length is known.",
                fix="give the service, variant or slot its duration_minutes.",
            )
        if line.pricing_model == "hourly":
            price = to_cents(price * line.minutes / 60)
        else:
            price = price * -(-line.minutes // MINUTES_OF_DAY)
    return to_cents(price * line.quantity)


def price_order(lines: Sequence[Priceable], coupons: Sequence[Coupon], *, onsite: bool) -> Price:
    """Price all lines and take the coupons off, each from what the ones before it left."""
    amounts = [line_amount(line) for line in lines]
    subtotal = sum(amounts, NOTHING)
    if subtotal > LARGEST_AMOUNT:
        raise Refused(f"The order would cost {subtotal} yuan.", fix="split it.")
    travel_fee = TRAVEL_FEE if onsite else NOTHING
    reductions = _reductions(coupons, subtotal, travel_fee)
    discount = sum((amount for _, amount in reductions), NOTHING)
    travel = split_evenly(travel_fee, len(lines))
    shares = split_by(discount, [a + t for a, t in zip(amounts, travel, strict=True)])
    return Price(
        subtotal,
        travel_fee,
        discount,
        tuple(
            PricedLine(unit_price(line), *rest)
            for line, *rest in zip(lines, amounts, travel, shares, strict=True)
        ),
        reductions,
    )


def _reductions(
    coupons: Sequence[Coupon], subtotal: Decimal, travel_fee: Decimal
) -> tuple[tuple[str, Decimal], ...]:
    left, travel, found = subtotal, travel_fee, []
    for coupon in coupons:
        if subtotal < coupon.minimum:
            raise Refused(
                f"Coupon {coupon.code} asks for {coupon.minimum} yuan, the order has {subtotal}.",
                fix="leave the coupon out or order more.",
            )
        cut = NOTHING
        match coupon.kind:
            case "fixed_amount":
                cut = min(coupon.value, left)
            case "percentage":
                cut = min(to_cents(left * coupon.value / 100), left)
                cut = cut if coupon.cap is None else min(cut, coupon.cap)
            case "free_shipping":
                cut, travel = travel, NOTHING
        if coupon.kind != "free_shipping":
            left -= cut
        found.append((coupon.code, cut))
    return tuple(found)


def split_evenly(amount: Decimal, parts: int) -> list[Decimal]:
    """The amount in equal parts of whole cents; the last takes what is over."""
    each = Decimal(int(amount / CENT) // parts) * CENT
    return [*[each] * (parts - 1), amount - each * (parts - 1)]


def split_by(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """The amount by weight in whole cents; no part is larger than its weight if the whole is not.

    Running totals are rounded, not parts, so that a line worth nothing is never given a cent.
    """
    total, sofar, given, parts = sum(weights, NOTHING), NOTHING, NOTHING, []
    for weight in weights:
        sofar += weight
        upto = Decimal(int(amount * sofar / total / CENT)) * CENT if total else NOTHING
        parts.append(upto - given)
        given = upto
    return parts


def late_fee(
    amount: Decimal, rate: Decimal, start: datetime, as_of: datetime, free_hours: int
) -> Decimal:
    """The fee for cancelling or moving less than `free_hours` before the start; 0 in time."""
    in_time = as_of + timedelta(hours=free_hours) <= start
    return NOTHING if in_time else to_cents(amount * rate)


def platform_share(amount: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
    """What the platform keeps of a settlement and what its provider gets."""
    fee = to_cents(amount * rate)
    return fee, amount - fee
