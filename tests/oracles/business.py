"""The business domain's views, statistics tables and A/B tests computed a second time in Python.

Every function takes the raw tables as generated and returns rows by grain. Orders are walked one by
one with their items, payments and slots in dictionaries; quotients are exact fractions and medians
picked from sorted lists: nothing here shares a line with the models.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from oracles.base import Keyed, Raw, Row, ratio

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PUNCTUAL = timedelta(minutes=10)
STAGES = {
    "placed": "order_time",
    "paid": "payment_time",
    "confirmed": "confirm_time",
    "assigned": "assigned_time",
    "started": "service_start_time",
    "completed": "complete_time",
}
Group = dict[Any, list[Row]]


# --- what several of them need -----------------------------------------------------------------


def by(rows: Iterable[Row], *columns: str) -> Group:
    """The rows by one column's value, or by several columns' values."""
    found: Group = defaultdict(list)
    for row in rows:
        found[row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns)].append(row)
    return found


def one_by(rows: Iterable[Row], column: str = "id") -> dict[Any, Row]:
    """The rows by a column that is unique."""
    return {row[column]: row for row in rows}


def whole(unit: timedelta, start: datetime | None, end: datetime | None) -> int | None:
    """Whole units from one moment to a later one."""
    return None if start is None or end is None else int((end - start) / unit)


def marks(items: Iterable[Row]) -> list[Decimal]:
    """Marks that somebody gave."""
    return [item["quality_score"] for item in items if (item["quality_score"] or 0) > 0]


def mean(values: list[Any], scale: int = 2) -> Decimal | None:
    """The mean of exact numbers, rounded once; None over none."""
    return ratio(sum(values), len(values), scale)


def per_cent(part: Any, all_: Any) -> Decimal | None:
    """A percentage, None of nothing."""
    return ratio(100 * Fraction(part), all_, 2)


def was_cancelled(order: Row) -> bool:
    """By the customer, the provider or the clock, paid back or not."""
    return order["order_status"] == "cancelled" or order["cancel_time"] is not None


def earns(order: Row) -> bool:
    """Whether the order's money is revenue."""
    return order["order_status"] not in ("cancelled", "refunded")


def punctuality(order: Row, begun: datetime | None) -> bool | None:
    """Whether work began when it was agreed; None without a beginning or an agreement."""
    if begun is None or order["service_time_start"] is None:
        return None
    agreed = datetime.combine(order["service_date"], order["service_time_start"])
    return agreed - PUNCTUAL <= begun <= agreed + PUNCTUAL


def usable_slots(raw: Raw) -> list[Row]:
    """Slots up to today that were really offered."""
    return [
        slot
        for slot in raw.rows("service_time_slots")
        if slot["slot_date"] <= raw.today and slot["status"] not in ("cancelled", "blocked")
    ]


def slot_figures(slots: list[Row]) -> Row:
    """Places taken and offered."""
    taken = sum(slot["current_bookings"] or 0 for slot in slots)
    offered = sum(slot["max_bookings"] or 0 for slot in slots)
    share = per_cent(taken, offered)
    return {"slot_bookings": taken, "slot_capacity": offered, "utilisation_pct": share}


# --- views -------------------------------------------------------------------------------------


def service_sales_overview(raw: Raw) -> Keyed:
    """v_service_sales_overview by id."""
    variants = by(
        (v for v in raw.rows("service_variants") if v["status"] == "active"), "service_id"
    )
    categories = one_by(raw.rows("service_categories"))
    providers = one_by(raw.rows("service_providers"))
    shown = (
        "tenant_id", "service_code", "service_name", "service_type", "delivery_mode", "category_id",
        "base_price", "sale_price", "pricing_model", "max_concurrent_bookings", "available_slots",
        "booked_slots", "booking_count", "completed_count", "revenue", "rating_average",
        "review_count", "status", "created_at",
    )  # fmt: skip
    found: Keyed = {}
    for service in raw.rows("services"):
        if service["status"] == "discontinued":
            continue
        own = variants[service["id"]]
        prices = [variant["price"] for variant in own]
        found[(service["id"],)] = {
            **{column: service[column] for column in shown},
            "category_name": categories[service["category_id"]]["category_name"],
            "variant_count": len(own),
            "min_variant_price": min(prices, default=None),
            "max_variant_price": max(prices, default=None),
            "total_variant_capacity": sum(variant["capacity"] or 0 for variant in own),
            "default_provider_name": providers[service["default_provider_id"]]["provider_name"]
            if service["default_provider_id"]
            else None,
        }
    return found


def service_order_overview(raw: Raw) -> Keyed:
    """v_service_order_overview by id."""
    items = by(raw.rows("service_order_items"), "order_id")
    providers = one_by(raw.rows("service_providers"))
    shown = (
        "tenant_id", "order_no", "customer_id", "order_type", "order_status", "payment_status",
        "service_status", "service_location_type", "service_date", "service_time_start",
        "service_time_end", "estimated_duration_minutes", "actual_duration_minutes", "total_amount",
        "paid_amount", "assigned_provider_id", "order_time", "payment_time", "assigned_time",
        "service_start_time", "service_end_time", "complete_time", "reschedule_count", "created_at",
    )  # fmt: skip
    found: Keyed = {}
    for order in raw.rows("service_orders"):
        own = items[order["id"]]
        provider = providers.get(order["assigned_provider_id"])
        began = order["service_start_time"]
        found[(order["id"],)] = {
            **{column: order[column] for column in shown},
            "provider_name": provider["provider_name"] if provider else None,
            "service_item_count": len(own),
            "total_service_quantity": sum(item["quantity"] for item in own),
            "avg_quality_score": mean(marks(own)),
            "payment_duration_hours": whole(HOUR, order["order_time"], order["payment_time"]),
            "preparation_duration_hours": whole(HOUR, order["assigned_time"], began),
            "actual_service_duration_minutes": whole(MINUTE, began, order["service_end_time"]),
        }
    return found


def campaign_performance(raw: Raw) -> Keyed:
    """v_campaign_performance by id."""
    coupons = Counter(coupon["campaign_id"] for coupon in raw.rows("marketing_coupons"))
    tests = Counter(test["tenant_id"] for test in raw.rows("marketing_ab_tests"))
    totals = ("total_participants", "total_orders", "total_revenue", "total_discount",
              "conversion_rate")  # fmt: skip
    shown = ("tenant_id", "campaign_name", "campaign_type", "status", "start_time", "end_time")
    found: Keyed = {}
    for campaign in raw.rows("marketing_campaigns"):
        if campaign["status"] == "draft":
            continue
        figures = {column: campaign[column] or 0 for column in totals}
        orders, people = figures["total_orders"], figures["total_participants"]
        first, last = campaign["start_time"].date(), campaign["end_time"].date()
        found[(campaign["id"],)] = {
            **{column: campaign[column] for column in shown},
            **figures,
            "actual_conversion_rate": per_cent(orders, people) or 0,
            "roi": ratio(figures["total_revenue"], figures["total_discount"], 2) or 0,
            "campaign_duration_days": (last - first).days,
            "coupon_count": coupons[campaign["id"]],
            "ab_test_count": tests[campaign["tenant_id"]],
        }
    return found


# --- statistics tables -------------------------------------------------------------------------


def service_daily(raw: Raw) -> Keyed:
    """service_daily by service and day."""
    orders = one_by(raw.rows("service_orders"))
    lines: Group = defaultdict(list)
    for item in raw.rows("service_order_items"):
        day = orders[item["order_id"]]["service_date"]
        if day <= raw.today:
            lines[item["service_id"], day].append(item)
    slots = by(usable_slots(raw), "service_id", "slot_date")
    services = one_by(raw.rows("services"))
    found: Keyed = {}
    for key in {*lines, *slots}:
        items = lines.get(key, [])
        per_order = by(items, "order_id")
        starts = [punctuality(orders[i["order_id"]], i["actual_start_time"]) for i in items]
        began = [start for start in starts if start is not None]
        found[key] = {
            "tenant_id": services[key[0]]["tenant_id"],
            "orders": len(per_order),
            "cancelled_orders": sum(
                was_cancelled(orders[name]) or {i["service_status"] for i in own} == {"cancelled"}
                for name, own in per_order.items()
            ),
            "items": len(items),
            "revenue_cny": sum(
                item["final_price"]
                for item in items
                if earns(orders[item["order_id"]]) and item["service_status"] != "cancelled"
            ),
            **slot_figures(slots.get(key, [])),
            "started_items": len(began),
            "on_time_items": sum(began),
            "on_time_pct": per_cent(sum(began), len(began)),
            "rated_items": len(marks(items)),
            "avg_quality_score": mean(marks(items)),
        }
    return found


def service_provider_daily(raw: Raw) -> Keyed:
    """service_provider_daily by provider and day."""
    served = [
        order
        for order in raw.rows("service_orders")
        if order["assigned_provider_id"] and order["service_date"] <= raw.today
    ]
    days = by(served, "assigned_provider_id", "service_date")
    slots = by((s for s in usable_slots(raw) if s["provider_id"]), "provider_id", "slot_date")
    items = by(raw.rows("service_order_items"), "order_id")
    good = [p for p in raw.rows("service_order_payments") if p["payment_status"] == "success"]
    payments = by(good, "order_id")
    providers = one_by(raw.rows("service_providers"))
    found: Keyed = {}
    for key in {*days, *slots}:
        orders = days.get(key, [])
        paid = [payment for order in orders for payment in payments[order["id"]]]
        given = [mark for order in orders for mark in marks(items[order["id"]])]
        starts = [punctuality(order, order["service_start_time"]) for order in orders]
        began = [start for start in starts if start is not None]
        found[key] = {
            "tenant_id": providers[key[0]]["tenant_id"],
            "orders": len(orders),
            "cancelled_orders": sum(map(was_cancelled, orders)),
            "revenue_cny": sum(order["total_amount"] for order in orders if earns(order)),
            "platform_fee_cny": sum(payment["platform_fee"] or 0 for payment in paid),
            "provider_amount_cny": sum(payment["provider_amount"] or 0 for payment in paid),
            **slot_figures(slots.get(key, [])),
            "started_orders": len(began),
            "on_time_orders": sum(began),
            "on_time_pct": per_cent(sum(began), len(began)),
            "rated_items": len(given),
            "avg_quality_score": mean(given),
        }
    return found


def service_order_funnel_daily(raw: Raw) -> Keyed:
    """service_order_funnel_daily by tenant and day."""
    names = list(STAGES)
    days: Group = defaultdict(list)
    for order in raw.rows("service_orders"):
        days[order["tenant_id"], order["order_time"].date()].append(order)
    found: Keyed = {}
    for key, orders in days.items():
        furthest = [
            max(n for n, stage in enumerate(STAGES.values()) if order[stage] is not None)
            for order in orders
        ]
        row: Row = {
            f"{name}_orders": sum(reached >= n for reached in furthest)
            for n, name in enumerate(names)
        }
        for one, next_ in pairwise(names):
            took = [whole(MINUTE, order[STAGES[one]], order[STAGES[next_]]) for order in orders]
            known = sorted(minutes for minutes in took if minutes is not None and minutes >= 0)
            row[f"p50_{one}_to_{next_}_minutes"] = (
                known[(len(known) + 1) // 2 - 1] if known else None
            )
        found[key] = row
    return found


def marketing_campaign_daily(raw: Raw) -> Keyed:
    """marketing_campaign_daily by campaign and day."""
    orders = one_by(raw.rows("service_orders"))
    campaigns = one_by(raw.rows("marketing_campaigns"))
    rows: dict[Any, Row] = defaultdict(
        lambda: {"participations": 0, "coupons_issued": 0, "coupons_used": 0, "bought": {}}
    )
    for entry in raw.rows("marketing_participations"):
        row = rows[entry["campaign_id"], entry["participation_time"].date()]
        row["participations"] += 1
        if entry["has_placed_order"]:
            row["bought"][entry["order_id"] or entry["id"]] = entry
    for coupon in raw.rows("marketing_coupons"):
        if coupon["campaign_id"] is None:
            continue
        rows[coupon["campaign_id"], coupon["created_at"].date()]["coupons_issued"] += 1
        order = orders.get(coupon["used_order_id"])
        if coupon["used_at"] and not (order and was_cancelled(order)):
            rows[coupon["campaign_id"], coupon["used_at"].date()]["coupons_used"] += 1
    found: Keyed = {}
    for key, row in rows.items():
        bought = row.pop("bought")
        reductions = [orders[name]["discount_amount"] for name in bought if name in orders]
        found[key] = {
            **row,
            "tenant_id": campaigns[key[0]]["tenant_id"],
            "orders": len(bought),
            "revenue_cny": sum(entry["order_amount"] or 0 for entry in bought.values()),
            "discount_cny": sum(reduction or 0 for reduction in reductions),
        }
    return found


# --- A/B tests ---------------------------------------------------------------------------------


def ab_arms(raw: Raw, row_of: Callable[[Row, str, str, dict[str, Row]], Row]) -> Keyed:
    """A row for each arm that has counts, by test and arm; `row_of` knows test, arm and control."""
    found: Keyed = {}
    for test in raw.rows("marketing_ab_tests"):
        counts = json.loads(test["variant_stats"] or "{}")
        control = "control" if "control" in counts else min(counts, default="")
        for name in counts:
            text = f"{len(test['id'])}:{test['id']};{len(name)}:{name}"
            found[test["id"], name] = {
                "ab_test_arm_id": hashlib.sha256(text.encode()).hexdigest()[:32],
                "tenant_id": test["tenant_id"],
                "is_control": name == control,
                **counts[name],
                "control_arm_name": control,
                **{f"control_{what}": number for what, number in counts[control].items()},
                **row_of(test, name, control, counts),
            }
    return found


def ab_test_arms(raw: Raw) -> Keyed:
    """ab_test_arms by test and arm."""

    def described(test: Row, name: str, _: str, counts: dict[str, Row]) -> Row:
        won, seen = counts[name]["conversions"], counts[name]["participants"]
        same = ("test_name", "test_type", "status", "primary_metric", "winner_variant")
        return {
            **{column: test[column] for column in same},
            "starts_at": test["start_time"],
            "ends_at": test["end_time"],
            "conversion_rate_pct": ratio(100 * won, seen, 4),
        }

    return ab_arms(raw, described)


def ab_test_results(raw: Raw) -> Keyed:
    """ab_test_results by test and arm."""
    names = ("lift_ratio", "rate_difference", "z_score", "p_value", "difference_low",
             "difference_high", "has_enough_sample")  # fmt: skip

    def compared(_: Row, name: str, control: str, counts: dict[str, Row]) -> Row:
        won, seen = counts[name]["conversions"], counts[name]["participants"]
        base_won, base_seen = counts[control]["conversions"], counts[control]["participants"]
        if name == control or not seen or not base_seen:
            return dict.fromkeys(names)
        p, base = Fraction(won, seen), Fraction(base_won, base_seen)
        pooled = Fraction(won + base_won, seen + base_seen)
        variance = pooled * (1 - pooled) * (Fraction(1, seen) + Fraction(1, base_seen))
        z = float(p - base) / math.sqrt(variance)
        reach = 1.959963984540054 * math.sqrt(p * (1 - p) / seen + base * (1 - base) / base_seen)
        sizes = (won, seen - won, base_won, base_seen - base_won)
        return {
            "lift_ratio": float(p / base - 1),
            "rate_difference": float(p - base),
            "z_score": z,
            "p_value": math.erfc(abs(z) / math.sqrt(2)),
            "difference_low": float(p - base) - reach,
            "difference_high": float(p - base) + reach,
            "has_enough_sample": min(seen, base_seen) >= 100 and min(sizes) >= 10,
        }

    return ab_arms(raw, compared)
