"""The fourteen application tables of the booking business.

`prepare` plans everything as integers: what is sold, who ordered what and how it went, money,
coupons, payments and the customers' order totals. `generate` writes it out.

What agrees with what: an order's history is a walk through the state machine that ends in its
status, at the instants that the order names (the first time, where a state was reached twice).
Money received is that of payments with status success, refunded or partial_refunded. Services'
and variants' booking_count and completed_count count lines; revenue sums the final prices of lines
whose order is neither cancelled nor refunded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sampledata import business_catalog as catalogue
from orchestration.sampledata import business_marketing as market
from orchestration.sampledata.business_capacity import Capacity, capacity_logs, plan_capacity
from orchestration.sampledata.business_catalog import Catalog, Sales, plan_catalog
from orchestration.sampledata.business_orders import (
    ASSIGNED,
    CANCELLED,
    CANCELLED_BY,
    FAR,
    IN_PROGRESS,
    LOCATIONS,
    ONSITE,
    ORDER_TYPES,
    PREPARING,
    REFUNDED,
    RESCHEDULED,
    S_CANCELLED,
    S_COMPLETED,
    S_CONFIRMED,
    S_MOVED,
    S_MOVED_AGAIN,
    S_PAID,
    S_STARTED,
    STATES,
    Money,
    Orders,
    Prices,
    Slots,
    customer_totals,
    plan_money,
    plan_orders,
    plan_prices,
    plan_slots,
    share_out,
)
from orchestration.sampledata.business_payments import Payments, payments, plan_payments
from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Indexes,
    addresses,
    chance,
    choice,
    choice_index,
    clock_of,
    codes,
    company_names,
    dates_of,
    hex_text,
    ids_of,
    join,
    json_choice,
    json_object,
    nullable,
    nullify,
    person_names,
    phones,
    plus_seconds,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
    text,
)
from orchestration.sampledata.world import World

Chunk = tuple[str, pa.Table]
_LINE_STATUS = (
    "pending", "confirmed", "preparing", "in_progress", "completed", "cancelled", "rescheduled",
)  # fmt: skip
# Line status by order status.
_LINE_OF = np.asarray((0, 0, 1, 1, 2, 3, 4, 5, 5, 6))


@dataclass(frozen=True)
class Business:
    """Everything planned, kept for `generate`; cents and seconds."""

    catalog: Catalog
    orders: Orders
    slots: Slots
    prices: Prices
    marketing: market.Marketing
    money: Money
    payments: Payments
    status: Indexes
    line_final: Indexes
    line_discount: Indexes
    quality: Indexes  # hundredths by line, 0 unrated


def prepare(plan: Plan, world: World) -> None:
    """Plan the business and tell the customer domain what its customers ordered."""
    catalog = plan_catalog(plan, world)
    orders = plan_orders(catalog)
    slots = plan_slots(orders)
    prices = plan_prices(orders, slots)
    marketing = market.plan_marketing(orders, prices)
    money = plan_money(orders, prices, marketing.discount)
    paid = plan_payments(orders, money)
    world.orders = customer_totals(orders, money.total, len(world.customers))
    owner = orders.line_order
    even = np.ones(len(owner), dtype=np.int64)
    discount = share_out(money.discount, owner, prices.line_subtotal)
    final = prices.line_subtotal - discount
    for fee in (prices.service_fee, prices.travel_fee, prices.material_fee):
        final = final + share_out(fee, owner, even)
    done = orders.step[owner, S_COMPLETED] < FAR
    rng = stream(plan, "business/quality")
    stars = np.minimum(500, 300 + choice_index(rng, len(owner), (1, 2, 4, 8, 9)) * 50)
    quality = np.where(done & chance(rng, len(owner), 0.6), stars, 0)
    world.shared["business"] = Business(
        catalog, orders, slots, prices, marketing, money, paid, orders.status, final, discount,
        quality,
    )  # fmt: skip


def generate(plan: Plan, world: World) -> Iterator[Chunk]:
    """All chunks, parents before children."""
    if "business" not in world.shared:
        prepare(plan, world)
    business: Business = world.shared["business"]
    catalog, orders, marketing = business.catalog, business.orders, business.marketing
    capacity = plan_capacity(orders, business.slots)
    services = _sales(business, orders.line_service, len(catalog.services))
    variants = _sales(business, orders.line_variant, len(catalog.variant_service))
    live = np.bincount(catalog.category, minlength=len(catalog.category_tenant))
    yield catalogue.categories(catalog, live)
    yield catalogue.providers(catalog, *_provider_figures(business))
    yield catalogue.services(
        catalog, services, capacity.free[0], capacity.taken[0], capacity.threshold
    )
    yield catalogue.variants(catalog, variants, capacity.total[1], capacity.taken[1])
    yield _time_slots(business, capacity)
    yield from capacity_logs(capacity, orders, business.slots, _order_numbers(orders))
    yield from _orders(business)
    yield from _order_items(business)
    yield from _status_history(business)
    yield from payments(business.payments, orders)
    parts = market.plan_participations(marketing, orders)
    yield market.campaigns(marketing, parts, orders, business.money.total)
    yield market.coupons(marketing, orders)
    yield market.participations(marketing, parts, orders, business.money.total)
    yield market.ab_tests(catalog)


def _sales(business: Business, thing: Indexes, things: int) -> Sales:
    """Running figures of services or variants from their lines (negative: no line of it)."""
    orders = business.orders
    of = thing >= 0
    status = business.status[orders.line_order]
    earned = of & (status != CANCELLED) & (status != REFUNDED)
    done = of & (orders.step[orders.line_order, S_COMPLETED] < FAR)
    rated = of & (business.quality > 0)

    def total(rows: np.ndarray, amount: Indexes | None = None) -> Indexes:
        weights = None if amount is None else amount[rows]
        return np.bincount(thing[rows], weights=weights, minlength=things).astype(np.int64)

    reviews = total(rated)
    stars = total(rated, business.quality)
    return Sales(
        total(of), total(done), total(earned, business.line_final), reviews,
        (stars * 2 + reviews) // np.maximum(reviews * 2, 1),
    )  # fmt: skip


def _provider_figures(business: Business) -> tuple[Indexes, Indexes, Indexes]:
    """Completed orders, reviews and mean stars (hundredths) by provider."""
    orders, count = business.orders, len(business.catalog.providers)
    done = (orders.step[:, S_COMPLETED] < FAR) & (orders.provider >= 0)
    completed = np.bincount(orders.provider[done], minlength=count)
    provider = orders.provider[orders.line_order]
    rated = (business.quality > 0) & (provider >= 0)
    reviews = np.bincount(provider[rated], minlength=count)
    stars = np.bincount(provider[rated], weights=business.quality[rated], minlength=count)
    return completed, reviews, (stars.astype(np.int64) * 2 + reviews) // np.maximum(reviews * 2, 1)


def _moment(seconds: Indexes) -> pa.Array:
    """Seconds as timestamps, FAR as NULL."""
    happened = seconds < FAR
    return nullable(np.where(happened, seconds, 0).astype("datetime64[s]"), happened)


def _order_numbers(orders: Orders) -> pa.Array:
    """SO, the day, and a number that counts all orders."""
    day = text(orders.placed.astype("datetime64[s]").astype("datetime64[D]"))
    day = pa.compute.replace_substring(pa.compute.utf8_slice_codeunits(day, 0, 10), "-", "")
    return codes(join("SO", day), np.arange(len(orders)) + 1, 7)


def _time_slots(business: Business, capacity: Capacity) -> Chunk:
    plan, slots, catalog = business.catalog.plan, business.slots, business.catalog
    count, rng = len(slots), stream(plan, "service_time_slots")
    end = seconds_of(plan.end)
    length = catalog.minutes[slots.service]
    minutes = slots.start % DAY // 60
    most, current = capacity.total[2], capacity.taken[2]
    # What lies in the past was closed by the ten-minute run, the latest is still to come.
    past = slots.start + length * 60 < end - 600
    free = np.bincount(slots.spell_slot, minlength=count) == 0
    status = np.where(past, 3, np.where(current == most, 1, 0))
    status = np.where(free & chance(rng, count, 0.03), 4, status)
    status = np.where(capacity.blocked, 2, status)
    kind = choice_index(rng, count, (90, 6, 4))
    provider = catalog.provider[slots.service]
    recurring = chance(rng, count, 0.5)
    created = slots.created.astype("datetime64[s]")
    onsite = catalog.delivery[slots.service] != 0
    return "service_time_slots", conform(
        "service_time_slots",
        {
            "id": ids_of(plan, "service_time_slots", np.arange(count)),
            "tenant_id": catalog.services.tenant_ids(slots.service),
            "service_id": catalog.services.pooled_ids(slots.service),
            "provider_id": catalog.providers.ids(np.where(chance(rng, count, 0.7), provider, -1)),
            "slot_date": dates_of(slots.start.astype("datetime64[s]")),
            "start_time": clock_of(minutes),
            "end_time": clock_of(minutes + length),
            "duration_minutes": length,
            "max_bookings": most,
            "current_bookings": current,
            "slot_type": take(
                ("regular", "special", "emergency", "maintenance"),
                np.where(capacity.blocked, 3, kind),
            ),
            "location": nullify(addresses(rng, count), onsite & chance(rng, count, 0.6)),
            "special_requirements": json_choice(rng, count, [{"bring": "身份证"}], null=0.9),
            "base_price": nullable(slots.price, slots.price >= 0),
            "surge_multiplier": slots.surge,
            "status": take(("available", "booked", "blocked", "completed", "cancelled"), status),
            "is_recurring": recurring,
            "recurrence_pattern": nullify(
                choice(rng, count, ("MON,WED,FRI", "SAT,SUN", "DAILY")), recurring
            ),
            "created_at": created,
            "updated_at": np.minimum(
                np.where(
                    past,
                    (slots.start + length * 60 + 600).astype("datetime64[s]"),
                    plus_seconds(created, 60),
                ),
                np.datetime64(plan.end, "s"),
            ),
        },
    )


def _orders(business: Business) -> Iterator[Chunk]:
    orders, money, prices = business.orders, business.money, business.prices
    catalog, plan, world = business.catalog, business.catalog.plan, business.catalog.world
    marketing, count = business.marketing, len(business.orders)
    numbers = _order_numbers(orders)
    coupons = market.order_coupons(marketing, count)
    promotions = market.order_promotions(marketing)
    details = market.order_discounts(marketing, count)
    for number, part in enumerate(plan.chunks(count)):
        rng = stream(plan, "service_orders", number)
        rows, status = part.stop - part.start, business.status[part]
        step, agreed = orders.step[part], orders.start[part]
        at = orders.placed[part].astype("datetime64[s]")
        index, moves = np.arange(part.start, part.stop), orders.moves[part]
        minutes = agreed % DAY // 60
        length = orders.minutes[part]
        location = orders.location[part]
        known = orders.customer[part] >= 0
        assigned = orders.provider[part] >= 0
        begun, ended = step[:, S_STARTED], orders.ended[part]
        done = ended < FAR
        cancelled = step[:, S_CANCELLED] < FAR
        paid, refund = business.payments.paid[part], business.payments.refunded[part]
        payment = np.where(paid > 0, np.where(paid < money.total[part], 1, 2), 0)
        payment = np.where(refund > 0, np.where(refund < paid, 4, 3), payment)
        service = np.where(cancelled | ((status == REFUNDED) & ~done), 5, 0)
        service = np.where(status == PREPARING, 1, np.where(status == IN_PROGRESS, 2, service))
        service = np.where(done, 4, service)
        service = np.where((status == IN_PROGRESS) & chance(rng, rows, 0.1), 3, service)
        moved = moves > 0
        before = orders.agreed[index, np.maximum(moves - 1, 0)]
        source = choice_index(rng, rows, (3, 3, 3, 1, 1, 1))
        invoice = np.where(prices.company_invoice[part], 2, choice_index(rng, rows, (8, 2)))
        recurring = orders.kind[part] == 2
        risk = np.where(chance(rng, rows, 0.6), rng.integers(0, 3000, rows), 0)
        risk = np.where(chance(rng, rows, 0.02), rng.integers(6000, 10_000, rows), risk)
        last = np.max(np.where(step < FAR, step, 0), axis=1)
        last = np.maximum(last, business.payments.last[part]).astype("datetime64[s]")
        contact = json_object(name=person_names(rng, rows), phone=phones(rng, rows))
        title = json_object(title=company_names(rng, rows), tax_no=hex_text(rng, rows, 18))
        meeting = json_object(
            url=join("https://meet.example.com/", hex_text(rng, rows, 8)),
            password=hex_text(rng, rows, 6),
        )
        staff = world.users.pick(rng, orders.tenant[part], at=at)
        yield (
            "service_orders",
            conform(
                "service_orders",
                {
                    "id": ids_of(plan, "service_orders", index),
                    "tenant_id": take(world.tenant_ids, orders.tenant[part]),
                    "order_no": numbers[part.start : part.stop],
                    "external_order_no": nullify(codes("EXT", index, 9), source == 3),
                    "order_source": take(
                        ("web", "app", "wework", "api", "admin", "phone"), source
                    ),
                    "order_type": take(ORDER_TYPES, orders.kind[part]),
                    "customer_id": world.customers.ids(orders.customer[part]),
                    "customer_type": take(
                        ("member", "enterprise", "guest"),
                        np.where(known, chance(rng, rows, 0.15), 2),
                    ),
                    "contact_info": nullify(contact, chance(rng, rows, 0.95)),
                    "service_date": dates_of(agreed.astype("datetime64[s]")),
                    "service_time_start": clock_of(minutes),
                    "service_time_end": clock_of(
                        np.minimum(minutes + length, 1439),
                        (minutes + length < 1440) & chance(rng, rows, 0.97),
                    ),
                    "estimated_duration_minutes": length,
                    "actual_duration_minutes": nullable(
                        np.where(done, (ended - begun) // 60, 0), done
                    ),
                    "service_location_type": take(LOCATIONS, location),
                    "service_address": nullify(addresses(rng, rows), location != 0),
                    "online_meeting_info": nullify(meeting, (location == 0) & assigned),
                    "location_requirements": nullify(
                        sentences(rng, rows), (location == ONSITE) & chance(rng, rows, 0.15)
                    ),
                    "assigned_provider_id": catalog.providers.ids(orders.provider[part]),
                    "provider_assigned_at": _moment(
                        np.where(assigned, orders.assigned_at[part], FAR)
                    ),
                    "provider_assignment_method": take(
                        ("auto", "manual", "customer_choice"),
                        np.where(assigned, choice_index(rng, rows, (7, 2, 1)), -1),
                    ),
                    "order_status": take(STATES, status),
                    "payment_status": take(
                        ("unpaid", "partial_paid", "paid", "refunded", "partial_refunded"), payment
                    ),
                    "service_status": take(
                        ("not_started", "preparing", "in_progress", "paused", "completed",
                         "cancelled"),
                        service,
                    ),
                    "subtotal": prices.subtotal[part],
                    "service_fee": prices.service_fee[part],
                    "travel_fee": prices.travel_fee[part],
                    "material_fee": prices.material_fee[part],
                    "discount_amount": money.discount[part],
                    "tax_amount": money.tax[part],
                    "total_amount": money.total[part],
                    "paid_amount": paid,
                    "refund_amount": refund,
                    "coupon_codes": coupons[part.start : part.stop],
                    "promotion_ids": promotions[part.start : part.stop],
                    "discount_details": details[part.start : part.stop],
                    "is_recurring": recurring,
                    "recurrence_pattern": nullify(
                        json_choice(rng, rows, [{"every": "week"}, {"every": "month"}]), recurring
                    ),
                    "parent_order_id": ids_of(plan, "service_orders", orders.parent[part]),
                    "service_requirements": json_choice(
                        rng, rows, [{"wish": "女师傅"}, {"wish": "安静"}], null=0.7
                    ),
                    "special_instructions": nullify(sentences(rng, rows), chance(rng, rows, 0.2)),
                    "materials_provided": json_choice(rng, rows, [["清洁剂"]], null=0.9),
                    "access_instructions": nullify(
                        sentences(rng, rows), (location == ONSITE) & chance(rng, rows, 0.2)
                    ),
                    "invoice_type": take(("none", "personal", "company"), invoice),
                    "invoice_info": nullify(title, invoice > 0),
                    "order_time": at,
                    "payment_time": _moment(step[:, S_PAID]),
                    "confirm_time": _moment(step[:, S_CONFIRMED]),
                    "assigned_time": _moment(orders.assigned_at[part]),
                    "service_start_time": _moment(begun),
                    "service_end_time": _moment(ended),
                    "complete_time": _moment(step[:, S_COMPLETED]),
                    "cancel_time": _moment(step[:, S_CANCELLED]),
                    "rescheduled_from_date": nullable(
                        dates_of(before.astype("datetime64[s]")), moved
                    ),
                    "rescheduled_from_time": clock_of(before % DAY // 60, moved),
                    "reschedule_reason": nullify(
                        sentences(rng, rows), moved & chance(rng, rows, 0.8)
                    ),
                    "reschedule_count": moves,
                    "cancellation_reason": nullify(
                        sentences(rng, rows), cancelled & chance(rng, rows, 0.8)
                    ),
                    "cancelled_by": take(CANCELLED_BY, orders.cancelled_by[part]),
                    "cancellation_fee": money.cancellation_fee[part],
                    "notes": nullify(sentences(rng, rows), chance(rng, rows, 0.15)),
                    "internal_notes": nullify(sentences(rng, rows), chance(rng, rows, 0.1)),
                    "tags": json_choice(rng, rows, [["加急"], ["老客户", "VIP"]], null=0.8),
                    "risk_level": take(
                        ("low", "medium", "high"), (risk >= 4000).astype(int) + (risk >= 8000)
                    ),
                    "risk_score": risk,
                    "is_suspicious": risk >= 7000,
                    "created_at": at,
                    "updated_at": last,
                    "created_by": world.users.ids(np.where(source >= 4, staff, -1)),
                },
            ),
        )  # fmt: skip


def _order_items(business: Business) -> Iterator[Chunk]:
    orders, prices, catalog = business.orders, business.prices, business.catalog
    plan, owners = catalog.plan, orders.line_order
    even = np.ones(len(owners), dtype=np.int64)
    fees = [
        share_out(fee, owners, even)
        for fee in (prices.service_fee, prices.travel_fee, prices.material_fee)
    ]
    rank = rank_in_group(owners)
    slot = np.where(rank == 0, business.slots.of_order[owners, orders.moves[owners]], -1)
    names, images = catalogue.service_names(catalog), catalogue.service_images(catalog)
    variant_names = catalogue.variant_names(catalog)
    attributes = catalogue.variant_attributes(catalog)
    for number, part in enumerate(plan.chunks(len(owners))):
        rng = stream(plan, "service_order_items", number)
        rows, order = part.stop - part.start, owners[part]
        service, variant = orders.line_service[part], orders.line_variant[part]
        status = business.status[order]
        begun, ended = orders.step[order, S_STARTED], orders.ended[order]
        done, working = ended < FAR, status == IN_PROGRESS
        line_status = np.where(done, 4, _LINE_OF[status])
        plain_name = names.take(pa.array(service))
        verdict = np.where(
            business.quality[part] > 0,
            np.clip((500 - business.quality[part]) // 50 + rng.integers(-1, 2, rows), 0, 4),
            -1,
        )
        last = np.max(np.where(orders.step[order] < FAR, orders.step[order], 0), axis=1)
        at = orders.placed[order].astype("datetime64[s]")
        yield (
            "service_order_items",
            conform(
                "service_order_items",
                {
                    "id": ids_of(plan, "service_order_items", np.arange(part.start, part.stop)),
                    "tenant_id": take(catalog.world.tenant_ids, orders.tenant[order]),
                    "order_id": ids_of(plan, "service_orders", order),
                    "service_id": catalog.services.pooled_ids(service),
                    "variant_id": ids_of(plan, "service_variants", variant),
                    "time_slot_id": ids_of(plan, "service_time_slots", slot[part]),
                    "service_name": plain_name,
                    "variant_name": take(variant_names.dictionary_decode(), variant),
                    "service_image": images.take(pa.array(service)),
                    "service_attributes": take(attributes, variant),
                    "service_level": take(
                        catalogue.LEVELS, np.where(variant >= 0, catalog.variant_level[variant], -1)
                    ),
                    "duration_minutes": orders.line_minutes[part],
                    "unit_price": prices.unit[part],
                    "quantity": orders.line_quantity[part],
                    "subtotal": prices.line_subtotal[part],
                    "base_service_fee": fees[0][part],
                    "travel_fee": fees[1][part],
                    "material_fee": fees[2][part],
                    "discount_amount": business.line_discount[part],
                    "final_price": business.line_final[part],
                    "service_snapshot": nullify(
                        json_object(
                            name=plain_name,
                            unit_price=prices.unit[part] / 100,
                            minutes=orders.line_minutes[part],
                        ),
                        chance(rng, rows, 0.97),
                    ),
                    "service_status": take(_LINE_STATUS, line_status),
                    "completion_rate": np.where(
                        done, 10_000, np.where(working, rng.integers(5, 95, rows) * 100, 0)
                    ),
                    "quality_score": business.quality[part],
                    "customer_satisfaction": take(
                        ("very_satisfied", "satisfied", "neutral", "dissatisfied",
                         "very_dissatisfied"),
                        verdict,
                    ),
                    "actual_start_time": _moment(begun),
                    "actual_end_time": _moment(ended),
                    "actual_duration_minutes": nullable(
                        np.where(done, (ended - begun) // 60, 0), done
                    ),
                    "service_notes": nullify(sentences(rng, rows), done & chance(rng, rows, 0.3)),
                    "issues_encountered": nullify(
                        json_choice(rng, rows, [["堵车迟到"], ["缺少配件", "客户不在"]]),
                        done & chance(rng, rows, 0.08),
                    ),
                    "created_at": at,
                    "updated_at": last.astype("datetime64[s]"),
                },
            ),
        )  # fmt: skip


def _status_history(business: Business) -> Iterator[Chunk]:
    orders, catalog, plan = business.orders, business.catalog, business.catalog.plan
    world = catalog.world
    order, column = np.nonzero(orders.step < FAR)
    at, state = orders.step[order, column], orders.state[order, column]
    first = rank_in_group(order) == 0
    old = np.where(first, -1, np.r_[-1, state[:-1]])
    number_of_move = (column >= S_MOVED).astype(int) + (column >= S_MOVED_AGAIN)
    number_of_move = np.minimum(number_of_move, orders.moves[order])
    agreed = orders.agreed[order, number_of_move]
    line = np.lexsort((column, order, at))
    order, column, at, state, old, agreed = (
        c[line] for c in (order, column, at, state, old, agreed)
    )
    for number, part in enumerate(plan.chunks(len(order))):
        rng = stream(plan, "service_order_status_history", number)
        of, to, when = order[part], state[part], at[part]
        rows = len(of)
        stamp = when.astype("datetime64[s]")
        # customer, admin, system, payment_gateway, provider, auto_scheduler
        who = np.asarray((0, 3, 1, 5, 4, 4, 4, 0, 1, 0))[to]
        who = np.where(to == ASSIGNED, np.where(chance(rng, rows, 0.25), 1, 5), who)
        who = np.where(to == CANCELLED, np.asarray((0, 4, 1, 2))[orders.cancelled_by[of]], who)
        staff = world.users.pick(rng, orders.tenant[of], at=stamp)
        person = pa.compute.coalesce(
            world.users.ids(np.where(who == 1, staff, -1)),
            world.customers.ids(np.where(who == 0, orders.customer[of], -1)),
            catalog.providers.ids(np.where(who == 4, orders.provider[of], -1)),
        )
        assigned = when >= orders.assigned_at[of]
        said = ((to == CANCELLED) | (to == REFUNDED) | (to == RESCHEDULED)) & chance(rng, rows, 0.8)
        human = (who == 0) | (who == 1) | (who == 4)
        moment = agreed[part]
        yield (
            "service_order_status_history",
            conform(
                "service_order_status_history",
                {
                    "id": ids_of(
                        plan, "service_order_status_history", np.arange(part.start, part.stop)
                    ),
                    "tenant_id": take(world.tenant_ids, orders.tenant[of]),
                    "order_id": ids_of(plan, "service_orders", of),
                    "old_status": take(STATES, old[part]),
                    "new_status": take(STATES, to),
                    "change_reason": nullify(sentences(rng, rows), said),
                    "operator_type": take(
                        ("customer", "admin", "system", "payment_gateway", "provider",
                         "auto_scheduler"),
                        who,
                    ),
                    "operator_id": person,
                    "provider_id": catalog.providers.ids(
                        np.where(assigned, orders.provider[of], -1)
                    ),
                    "service_date": dates_of(moment.astype("datetime64[s]")),
                    "service_time": clock_of(moment % DAY // 60),
                    "location_info": nullify(
                        json_choice(rng, rows, [{"lat": 22.54, "lng": 114.05}]),
                        (to == IN_PROGRESS) & chance(rng, rows, 0.7),
                    ),
                    "device_info": nullify(
                        json_choice(rng, rows, [{"os": "iOS 17"}, {"os": "Android 14"}], null=0.3),
                        human,
                    ),
                    "extra_data": json_choice(rng, rows, [{"channel": "app"}], null=0.9),
                    "created_at": stamp,
                },
            ),
        )  # fmt: skip
