"""Prices by hand-worked figures on both sides of each threshold, then in cents at random."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.operations.business_rows import Refused
from orchestration.operations.pricing import (
    LARGEST_AMOUNT,
    Coupon,
    Price,
    Priceable,
    late_fee,
    line_amount,
    platform_share,
    price_order,
    split_by,
    split_evenly,
    unit_price,
)

START = datetime(2026, 7, 1, 12, 0)


def yuan(text: str) -> Decimal:
    return Decimal(text)


def line(base: str = "100.00", *, model: str = "fixed", quantity: int = 1,
         minutes: int | None = None, **more: Any) -> Priceable:  # fmt: skip
    return Priceable(model, quantity, minutes, yuan(base), **more)


def coupon(kind: str, value: str = "0", minimum: str = "0", cap: str | None = None) -> Coupon:
    return Coupon(kind, kind, yuan(value), yuan(minimum), yuan(cap) if cap else None)


def price(*coupons: Coupon, base: str = "100.00", onsite: bool = False) -> Price:
    return price_order([line(base)], coupons, onsite=onsite)


def test_the_unit_price_is_the_variant_s_then_the_slot_s_then_the_sale_then_the_list_s() -> None:
    zero = yuan("0.00")
    prices = {"variant_price": yuan("4.00"), "slot_price": yuan("3.00"), "sale_price": yuan("2.00")}
    assert unit_price(line("1.00", **prices)) == 4
    assert unit_price(line("1.00", **prices | {"variant_price": None})) == 3
    assert unit_price(line("1.00", sale_price=yuan("2.00"))) == 2
    assert unit_price(line("1.00")) == 1
    assert unit_price(line("1.00", **prices | {"variant_price": zero})) == 0
    assert unit_price(line("1.00", slot_price=zero, sale_price=yuan("2.00"))) == 0


@pytest.mark.parametrize(
    ("model", "minutes", "quantity", "amount"),
    [
        ("fixed", 90, 1, "100.00"), ("package", None, 3, "300.00"), ("custom", 61, 2, "200.00"),
        ("hourly", 60, 1, "100.00"), ("hourly", 90, 1, "150.00"), ("hourly", 1, 1, "1.67"),
        ("hourly", 20, 3, "99.99"), ("daily", 1, 1, "100.00"), ("daily", 1440, 1, "100.00"),
        ("daily", 1441, 1, "200.00"), ("daily", 2880, 2, "400.00"),
    ],
)  # fmt: skip
def test_a_line_costs_hours_days_begun_or_once(
    model: str, minutes: int | None, quantity: int, amount: str
) -> None:
    assert line_amount(line(model=model, minutes=minutes, quantity=quantity)) == yuan(amount)


def test_half_a_cent_rounds_up() -> None:
    assert line_amount(line("0.01", model="hourly", minutes=30)) == yuan("0.01")
    assert line_amount(line("0.01", model="hourly", minutes=29)) == yuan("0.00")


@pytest.mark.parametrize("minutes", [None, 0])
@pytest.mark.parametrize("model", ["hourly", "daily"])
def test_a_price_by_time_needs_a_time(model: str, minutes: int | None) -> None:
    with pytest.raises(Refused, match="no length is known"):
        line_amount(line(model=model, minutes=minutes))


@pytest.mark.parametrize(
    ("given", "discount"),
    [
        (coupon("fixed_amount", "30"), "30.00"),
        (coupon("fixed_amount", "100.00"), "100.00"),
        (coupon("fixed_amount", "100.01"), "100.00"),
        (coupon("percentage", "10"), "10.00"),
        (coupon("percentage", "12.345"), "12.35"),
        (coupon("percentage", "100"), "100.00"),
        (coupon("percentage", "101"), "100.00"),
        (coupon("percentage", "20", cap="19.99"), "19.99"),
        (coupon("percentage", "20", cap="20.00"), "20.00"),
        (coupon("percentage", "20", cap="20.01"), "20.00"),
        (coupon("gift", "50"), "0.00"),
        (coupon("free_shipping", "50"), "0.00"),
        (coupon("fixed_amount", "5", minimum="100.00"), "5.00"),
    ],
)
def test_one_coupon(given: Coupon, discount: str) -> None:
    found = price(given)
    assert (found.discount, found.total) == (yuan(discount), 100 - yuan(discount))


def test_a_coupon_s_minimum_looks_at_the_subtotal_before_fees_and_other_coupons() -> None:
    dear = coupon("gift", minimum="100.01")
    for onsite in (False, True):
        with pytest.raises(Refused, match="asks for"):
            price(dear, onsite=onsite)
    least = coupon("fixed_amount", "5", minimum="100.00")
    assert price(coupon("fixed_amount", "99"), least).discount == 100


def test_coupons_reduce_in_turn_what_the_ones_before_left() -> None:
    fixed, share = coupon("fixed_amount", "50"), coupon("percentage", "10")
    assert price(fixed, share).reductions == (("fixed_amount", 50), ("percentage", 5))
    assert price(share, fixed).reductions == (("percentage", 10), ("fixed_amount", 50))
    assert price(coupon("fixed_amount", "80"), fixed).total == 0


def test_onsite_costs_fifty_once_and_free_shipping_takes_it_off_once() -> None:
    free = coupon("free_shipping")
    assert (price(onsite=True).travel_fee, price(onsite=True).total) == (50, 150)
    assert (price().travel_fee, price(free).total) == (0, 100)
    assert (price(free, onsite=True).total, price(free, free, onsite=True).discount) == (100, 50)
    assert price(coupon("fixed_amount", "120"), onsite=True).total == 50


def test_the_travel_fee_is_split_and_the_last_line_takes_the_cents() -> None:
    found = price_order([line()] * 3, [], onsite=True)
    assert [one.travel_fee for one in found.lines] == [yuan("16.66"), yuan("16.66"), yuan("16.68")]
    assert split_evenly(yuan("0.02"), 3) == [0, 0, yuan("0.02")]


def test_an_order_beyond_what_the_columns_hold_is_refused() -> None:
    assert price(base=str(LARGEST_AMOUNT)).total == LARGEST_AMOUNT
    with pytest.raises(Refused, match="would cost 100000000"):
        price(base="100000000.00")


def test_a_change_is_free_until_the_policy_s_last_second() -> None:
    def fee(hours: int, *, seconds: int = 0) -> Decimal:
        return late_fee(yuan("99.95"), yuan("0.10"), START,
                        START - timedelta(hours=2, seconds=-seconds), hours)  # fmt: skip

    assert (fee(2), fee(2, seconds=1), fee(1), fee(3)) == (0, yuan("10.00"), 0, yuan("10.00"))
    assert late_fee(yuan("100"), yuan("0.10"), START, START, 0) == 0
    assert late_fee(yuan("100"), yuan("0.10"), START, START + timedelta(seconds=1), 0) == 10


def test_the_platform_keeps_its_rate_and_the_provider_the_rest() -> None:
    assert platform_share(yuan("99.95"), yuan("0.10")) == (yuan("10.00"), yuan("89.95"))
    assert platform_share(yuan("99.94"), yuan("0.10")) == (yuan("9.99"), yuan("89.95"))
    assert platform_share(yuan("99.94"), yuan("0")) == (0, yuan("99.94"))


CENTS = st.integers(0, 1_000_000).map(lambda cents: Decimal(cents) / 100)
LINES = st.lists(
    st.builds(
        Priceable,
        st.sampled_from(["fixed", "hourly", "daily", "package", "custom"]),
        st.integers(1, 5),
        st.integers(1, 5000),
        CENTS,
        st.none() | CENTS,
        st.none() | CENTS,
        st.none() | CENTS,
    ),
    min_size=1,
    max_size=5,
)
COUPONS = st.lists(
    st.builds(
        Coupon,
        st.just("c"),
        st.sampled_from(["fixed_amount", "percentage", "free_shipping", "gift"]),
        st.integers(0, 12_000).map(lambda cents: Decimal(cents) / 100),
        st.just(Decimal("0.00")),
        st.none() | CENTS,
    ),
    max_size=4,
)


def half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


@given(LINES, COUPONS, st.booleans())
def test_random_orders_cost_what_whole_cents_say(
    lines: list[Priceable], coupons: list[Coupon], onsite: bool
) -> None:
    found = price_order(lines, coupons, onsite=onsite)
    amounts = []
    for one in lines:
        prices = (one.variant_price, one.slot_price, one.sale_price, one.base_price)
        cents = next(int(p * 100) for p in prices if p is not None)
        if one.pricing_model == "hourly":
            cents = half_up(Fraction(cents * (one.minutes or 0), 60))
        if one.pricing_model == "daily":
            cents *= ((one.minutes or 0) + 1439) // 1440
        amounts.append(cents * one.quantity)
    goods, travel = sum(amounts), 5000 * onsite
    for ticket in coupons:
        if ticket.kind == "fixed_amount":
            goods -= min(int(ticket.value * 100), goods)
        elif ticket.kind == "percentage":
            cut = min(goods, half_up(goods * Fraction(ticket.value) / 100))
            goods -= cut if ticket.cap is None else min(cut, int(ticket.cap * 100))
        elif ticket.kind == "free_shipping":
            travel = 0
    assert [int(one.subtotal * 100) for one in found.lines] == amounts
    assert int(found.total * 100) == goods + travel >= 0
    assert found.total == sum(one.final for one in found.lines)
    assert sum(one.discount for one in found.lines) == found.discount
    assert found.discount == sum(amount for _, amount in found.reductions)
    assert sum(one.travel_fee for one in found.lines) == found.travel_fee
    assert all(one.final >= 0 and one.discount >= 0 for one in found.lines)


@given(st.lists(CENTS, min_size=1, max_size=6), st.fractions(0, 1))
def test_shares_add_up_and_none_exceeds_its_weight(weights: list[Decimal], part: Fraction) -> None:
    amount = Decimal(int(part * int(sum(weights) * 100))) / 100
    shares = split_by(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
