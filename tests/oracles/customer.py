"""The customer domain's views, statistics tables and marts, computed from the raw rows in Python.

Row by row and with sets, exact fractions and bisection, never as the models do it.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any

from harness import MASK_KEY

from oracles.base import DAY, Keyed, Raw, Row, half_up, ratio
from orchestration.schema.reference_data import DEFAULTS

FEW = range(1, 5)
STAGE_RULES = ("inactive", "advocate", "customer", "prospect", "lead")


# --- what is there -----------------------------------------------------------------------------


def segments_of(raw: Raw) -> list[Row]:
    """The sample's segments and those that every installation starts with."""
    with (DEFAULTS / "customer_segments.csv").open(encoding="utf-8", newline="") as file:
        shipped = [
            {
                **row,
                "is_active": row.get("is_active", "true") == "true",
                "customer_count": 0,
                "avg_order_amount": Decimal(0),
                "total_revenue": Decimal(0),
                "conversion_rate": Decimal(0),
                "last_calculated_at": None,
                "created_at": raw.as_of,
            }
            for row in csv.DictReader(file)
        ]
    return raw.rows("customer_segments") + shipped


def by(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """Rows in lists, by a column."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def memberships(raw: Raw) -> list[Row]:
    """Those that hold now."""
    return [row for row in raw.rows("customer_segment_members") if row["status"] == "active"]


def is_carried(raw: Raw, tag: Row) -> bool:
    """Whether an assignment is in force."""
    lapsed = tag["expires_at"] is not None and tag["expires_at"] <= raw.as_of
    return tag["status"] == "active" and not lapsed


def days_ago(raw: Raw, day: date | None) -> int | None:
    """Calendar days before today."""
    return None if day is None else (raw.today - day).days


def same(row: Row, *names: str) -> Row:
    """Columns that pass through."""
    return {name: row[name] for name in names}


# --- views -------------------------------------------------------------------------------------


def customer_360(raw: Raw) -> Keyed:
    """Rows by customer."""
    names = {row["id"]: row["tag_name"] for row in raw.rows("customer_tag_definitions")}
    tags = by((t for t in raw.rows("customer_tags") if is_carried(raw, t)), "customer_id")
    segments = Counter(row["customer_id"] for row in memberships(raw))
    return {
        (row["id"],): {
            **same(row, "tenant_id", "customer_code", "name", "customer_type", "phone", "email"),
            **same(row, "status", "lifecycle_stage", "level", "source_channel", "total_orders"),
            **same(row, "total_amount", "avg_order_amount", "last_order_date", "created_at"),
            **same(row, "satisfaction_score", "last_contact_date"),
            "tag_count": len(tags[row["id"]]),
            "segment_count": segments[row["id"]],
            "tags": ",".join(sorted({names[t["tag_id"]] for t in tags[row["id"]]})) or None,
        }
        for row in raw.rows("customers")
    }


def segment_statistics(raw: Raw) -> Keyed:
    """Rows by active segment."""
    amounts = {row["id"]: row["total_amount"] for row in raw.rows("customers")}
    members = by(memberships(raw), "segment_id")
    found: Keyed = {}
    for segment in segments_of(raw):
        if not segment["is_active"]:
            continue
        spent = [amounts[member["customer_id"]] for member in members[segment["id"]]]
        found[(segment["id"],)] = {
            **same(segment, "tenant_id", "segment_name", "segment_type", "customer_count"),
            **same(segment, "avg_order_amount", "total_revenue", "conversion_rate", "created_at"),
            **same(segment, "last_calculated_at"),
            "actual_member_count": len(spent),
            "actual_avg_amount": ratio(sum(spent, Decimal(0)), len(spent), 2),
            "actual_total_revenue": sum(spent, Decimal(0)),
        }
    return found


# --- statistics tables -------------------------------------------------------------------------


def whole_months(first: date, last: date) -> int:
    """Months that are complete between two days: the day of the month has come round."""
    months = (last.year - first.year) * 12 + last.month - first.month
    return months if last.day >= first.day else months - 1


def lifetime_value(raw: Raw) -> Keyed:
    """Rows by customer."""
    found: Keyed = {}
    for row in raw.rows("customers"):
        has_orders = bool(row["total_orders"])
        span = horizon = rate = value = None
        if has_orders and row["first_order_date"] and row["last_order_date"]:
            span = max(whole_months(row["first_order_date"], row["last_order_date"]), 1)
            horizon = max(2 * span, 12)
            frequency = Fraction(row["total_orders"], span)
            rate = half_up(frequency, 2)
            value = half_up(Fraction(row["avg_order_amount"]) * frequency * horizon, 2)
        found[(row["id"],)] = {
            **same(row, "tenant_id", "first_order_date", "last_order_date", "total_orders"),
            "total_amount_cny": row["total_amount"],
            "avg_order_amount_cny": row["avg_order_amount"] if has_orders else None,
            "lifespan_months": span,
            "orders_per_month": rate,
            "horizon_months": horizon,
            "lifetime_value_cny": value,
        }
    return found


def segment_daily(raw: Raw) -> Keyed:
    """Rows by segment and day since the segment began, as a first build would make them."""
    runs = by(raw.rows("segment_calculation_history"), "segment_id")
    members = by(raw.rows("customer_segment_members"), "segment_id")
    sold = by(
        (
            o
            for o in raw.rows("service_orders")
            if o["order_status"] not in ("cancelled", "refunded")
        ),
        "customer_id",
    )
    found: Keyed = {}
    for segment in segments_of(raw):
        of_runs = [run for run in runs[segment["id"]] if run["calculation_status"] == "success"]
        of_members = members[segment["id"]]
        revenue = _revenue_by_day(of_members, sold)
        day = segment["created_at"].date()
        while day <= raw.today:
            if segment["segment_type"] == "dynamic":
                figures = _told_by_runs(of_runs, day)
            else:
                figures = _told_by_members(of_members, day)
            amounts = revenue[day]
            found[(segment["id"], day)] = {
                "tenant_id": segment["tenant_id"],
                **figures,
                "orders": len(amounts),
                "revenue_cny": sum(amounts, Decimal(0)),
            }
            day += DAY
    return found


def _revenue_by_day(members: list[Row], sold: dict[Any, list[Row]]) -> dict[date, list[Decimal]]:
    """Amounts of the orders of those who are members still, from their first day as such."""
    found: dict[date, list[Decimal]] = defaultdict(list)
    for member in members:
        if member["status"] == "active":
            for order in sold[member["customer_id"]]:
                if order["order_time"].date() >= member["joined_at"].date():
                    found[order["order_time"].date()].append(order["total_amount"])
    return found


def _told_by_runs(runs: list[Row], day: date) -> Row:
    today = [run for run in runs if run["started_at"].date() == day]
    until = [run for run in runs if run["started_at"].date() <= day]
    last = max(until, key=lambda run: (run["started_at"], run["id"]), default=None)
    return {
        "successful_calculations": len(today),
        "joined_members": sum(run["added_customers"] for run in today),
        "left_members": sum(run["removed_customers"] for run in today),
        "members": last and last["final_count"],
    }


def _told_by_members(members: list[Row], day: date) -> Row:
    began = [(member["joined_at"].date(), member["status"]) for member in members]
    return {
        "successful_calculations": 0,
        "joined_members": sum(since == day for since, _ in began),
        "left_members": None,
        "members": sum(since <= day and status == "active" for since, status in began),
    }


# --- marts about one customer -------------------------------------------------------------------


def pseudonym(text: str | None) -> str | None:
    """The keyed hash."""
    if text is None:
        return None
    return hmac.new(MASK_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _phone(text: str | None) -> str | None:
    if not text:
        return text
    for least, head, tail in ((11, 3, 4), (7, 2, 2)):
        if len(text) >= least:
            return f"{text[:head]}****{text[-tail:]}"
    return "****"


def _email(text: str | None) -> str | None:
    if not text:
        return text
    match = re.fullmatch(r"(.).*@([^@]+)", text, re.DOTALL)
    return f"{match[1]}***@{match[2]}" if match and not text.startswith("@") else "***"


def _province(text: str | None) -> str | None:
    name = (json.loads(text) or {}).get("province") if text else None
    return name if name and len(name) <= 12 else None


def _age_band(raw: Raw, born: date | None) -> str | None:
    if born is None or born > raw.today:
        return None
    had_birthday = (raw.today.month, raw.today.day) >= (born.month, born.day)
    age = raw.today.year - born.year - (not had_birthday)
    starts = (0, 18, 25, 35, 45, 55, 65, 75)
    place = bisect_right(starts, age) - 1
    return "75+" if place == 7 else f"{starts[place]}-{starts[place + 1] - 1}"


def customers(raw: Raw) -> Keyed:
    """dim_customers by customer."""
    changed: dict[str, datetime] = {}
    for change in raw.rows("customer_lifecycle_history"):
        who = change["customer_id"]
        if change["created_at"] <= raw.as_of:
            changed[who] = max(change["created_at"], changed.get(who, datetime.min))
    persons = Counter(
        row["customer_id"] for row in raw.rows("customer_contacts") if row["status"] == "active"
    )
    tags = Counter(t["customer_id"] for t in raw.rows("customer_tags") if is_carried(raw, t))
    segments = Counter(row["customer_id"] for row in memberships(raw))
    return {
        (row["id"],): {
            **same(row, "tenant_id", "customer_code", "customer_type", "company_size", "industry"),
            **same(row, "source_channel", "source_detail", "referrer_id", "utm_source"),
            **same(row, "utm_medium", "utm_campaign", "status", "lifecycle_stage", "vip_level"),
            **same(row, "relationship_level", "assigned_sales_id", "assigned_service_id"),
            **same(row, "total_orders", "first_order_date", "last_order_date", "total_visits"),
            **same(row, "total_page_views", "last_visit_date", "interaction_count", "nps_score"),
            **same(row, "last_interaction_date", "created_by", "created_at", "updated_at"),
            "customer_name_masked": row["name"][:1] + "*",
            "phone_masked": _phone(row["phone"]),
            "phone_key": pseudonym(row["phone"]),
            "email_masked": _email(row["email"]),
            "email_key": pseudonym(row["email"]),
            "wechat_key": pseudonym(row["wechat_id"]),
            "wework_contact_key": pseudonym(row["wework_external_id"]),
            "age_band": _age_band(raw, row["birth_date"]),
            "province": _province(row["address"]),
            "company_key": pseudonym(row["company_name"]),
            "company_province": _province(row["company_address"]),
            "stage_changed_at": changed.get(row["id"]),
            "customer_level": row["level"],
            "credit_score": row["credit_score"] or None,
            "total_amount_cny": row["total_amount"],
            "avg_order_amount_cny": row["avg_order_amount"] or None,
            "last_order_amount_cny": row["last_order_amount"] or None,
            "satisfaction_score": row["satisfaction_score"] or None,
            "contact_persons": persons[row["id"]],
            "carried_tags": tags[row["id"]],
            "joined_segments": segments[row["id"]],
            "first_contact_at": row["first_contact_date"],
            "last_contact_at": row["last_contact_date"],
        }
        for row in raw.rows("customers")
    }


def lifecycle_stages(raw: Raw) -> Keyed:
    """customer_lifecycle_stage by active customer."""
    found: Keyed = {}
    for row in raw.rows("customers"):
        if row["status"] != "active":
            continue
        orders, amount = row["total_orders"], row["total_amount"]
        since_first = days_ago(raw, row["first_order_date"])
        since_last = days_ago(raw, row["last_order_date"])
        holds = (
            since_last is not None and since_last > 180,
            orders >= 5 and amount >= 5000,
            orders >= 2 and since_last is not None and since_last <= 90,
            orders == 1 and since_first is not None and since_first <= 30,
            orders == 0,
        )
        due = next(
            (s for s, h in zip(STAGE_RULES, holds, strict=True) if h), row["lifecycle_stage"]
        )
        found[(row["id"],)] = {
            **same(row, "tenant_id", "lifecycle_stage", "total_orders"),
            "due_stage": due,
            "is_change_due": due != row["lifecycle_stage"],
            "total_amount_cny": amount,
            "days_since_first_order": since_first,
            "days_since_last_order": since_last,
        }
    return found


def lifecycle_changes(raw: Raw) -> Keyed:
    """fct_lifecycle_changes by change."""
    found: Keyed = {}
    history = [c for c in raw.rows("customer_lifecycle_history") if c["created_at"] <= raw.as_of]
    for changes in by(history, "customer_id").values():
        changes.sort(key=lambda change: (change["created_at"], change["id"]))
        for number, change in enumerate(changes, 1):
            left = changes[number]["created_at"] if number < len(changes) else None
            until = left or raw.as_of
            found[(change["id"],)] = {
                **same(change, "tenant_id", "customer_id", "old_stage", "new_stage"),
                **same(change, "trigger_event", "operator_type", "operator_id"),
                "change_number": number,
                "change_date": change["created_at"].date(),
                "old_stage_days": change["stage_duration_days"],
                "next_changed_at": left,
                "is_current": left is None,
                "days_in_stage": (until.date() - change["created_at"].date()).days,
                "changed_at": change["created_at"],
            }
    return found


def tag_assignments(raw: Raw) -> Keyed:
    """fct_tag_assignments by assignment."""
    tags = {row["id"]: row for row in raw.rows("customer_tag_definitions")}
    return {
        (row["id"],): {
            **same(row, "tenant_id", "customer_id", "tag_id", "assign_type", "assigned_by"),
            **same(row, "status", "tag_score", "confidence", "assigned_at", "expires_at"),
            **same(row, "last_verified_at"),
            **same(tags[row["tag_id"]], "tag_code", "tag_name", "tag_type"),
            "tag_category": tags[row["tag_id"]]["category"],
            "assigned_date": row["assigned_at"].date(),
            "is_in_force": is_carried(raw, row),
        }
        for row in raw.rows("customer_tags")
    }


def rfm(raw: Raw) -> Keyed:
    """customer_rfm by customer with an order."""
    found: Keyed = {}
    buyers = [r for r in raw.rows("customers") if r["total_orders"] and r["last_order_date"]]
    for tenant, of_tenant in by(buyers, "tenant_id").items():
        figures = ("last_order_date", "total_orders", "total_amount")
        sorted_by = {name: sorted(row[name] for row in of_tenant) for name in figures}
        for row in of_tenant:
            scores = []
            for name in figures:
                below = bisect_left(sorted_by[name], row[name])
                share = Fraction(below, len(of_tenant) - 1) if len(of_tenant) > 1 else Fraction(0)
                scores.append(1 + min(4, int(5 * share)))
            found[(row["id"],)] = {
                "tenant_id": tenant,
                **same(row, "last_order_date", "total_orders"),
                "days_since_last_order": days_ago(raw, row["last_order_date"]),
                "total_amount_cny": row["total_amount"],
                "recency_score": scores[0],
                "frequency_score": scores[1],
                "monetary_score": scores[2],
                "rfm_score": sum(scores),
                "rfm_code": "".join(map(str, scores)),
            }
    return found


# --- marts about many ----------------------------------------------------------------------------


def hidden_cells(sizes: dict[Any, int]) -> set[Any]:
    """Cells of one total that must not be shown: few people, and what protects them."""
    small_first = sorted((n, key) for key, n in sizes.items() if n)
    if not small_first or small_first[0][0] not in FEW:
        return set()
    hidden: list[tuple[int, Any]] = []
    for cell in small_first:
        if cell[0] in FEW or len(hidden) < 2 or sum(n for n, _ in hidden) < 5:
            hidden.append(cell)
    return {key for _, key in hidden}


def cohort_retention(raw: Raw) -> Keyed:
    """customer_cohort_retention by tenant, cohort and month."""
    active: dict[tuple[str, str], set[date]] = defaultdict(set)
    for order in raw.rows("service_orders"):
        known = order["customer_id"] is not None and order["order_time"] <= raw.as_of
        if known and order["order_status"] != "cancelled":
            month = order["order_time"].date().replace(day=1)
            active[order["tenant_id"], order["customer_id"]].add(month)
    cohorts: dict[str, dict[date, list[set[date]]]] = defaultdict(lambda: defaultdict(list))
    for (tenant, _), months in active.items():
        cohorts[tenant][min(months)].append(months)
    found: Keyed = {}
    for tenant, of_tenant in cohorts.items():
        hidden = hidden_cells({first: len(people) for first, people in of_tenant.items()})
        for first, people in of_tenant.items():
            for since in range(whole_months(first, raw.today.replace(day=1)) + 1):
                years, month = divmod(first.month - 1 + since, 12)
                day = date(first.year + years, month + 1, 1)
                retained = sum(day in months for months in people)
                is_small = first in hidden or retained in FEW or len(people) - retained in FEW
                found[(tenant, first, day)] = {
                    "months_since_first": since,
                    "cohort_customers": None if first in hidden else len(people),
                    "retained_customers": None if is_small else retained,
                    "retention_pct": None if is_small else ratio(100 * retained, len(people), 2),
                    "has_small_cell": is_small,
                }
    return found


def segment_overlap(raw: Raw) -> Keyed:
    """segment_overlap by pair of segments."""
    people: dict[str, set[str]] = defaultdict(set)
    for member in memberships(raw):
        people[member["segment_id"]].add(member["customer_id"])
    found: Keyed = {}
    for tenant, segments in by(
        (s for s in segments_of(raw) if s["is_active"]), "tenant_id"
    ).items():
        for one, other in combinations(sorted(segment["id"] for segment in segments), 2):
            mine, theirs = people[one], people[other]
            both, either = len(mine & theirs), len(mine | theirs)
            is_small = any(
                len(some) in FEW for some in (mine & theirs, mine - theirs, theirs - mine)
            )
            found[(one, other)] = {
                "tenant_id": tenant,
                "segment_customers": None if len(mine) in FEW else len(mine),
                "other_segment_customers": None if len(theirs) in FEW else len(theirs),
                "both_customers": None if is_small else both,
                "either_customers": None if is_small else either,
                "jaccard_pct": None if is_small else ratio(100 * both, either, 2),
                "has_small_cell": is_small,
            }
    return found
