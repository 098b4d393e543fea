"""What joins the six domains, computed in Python.

The domains' own statistics have oracles of their own, so that their rows are taken as given here
(`Given` reads a relation); orders, customers, events and stocks are counted from the raw rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from oracles.base import DAY, Keyed, Raw, Row, ratio
from oracles.customer import FEW, hidden_cells, segments_of

Given = Callable[[str, str], list[Row]]
WEEK = timedelta(days=7)
NO_ROW: Row = defaultdict(int)
MEASURES = (
    "api_calls", "ai_requests", "ai_tokens", "ai_cost_cny", "ai_conversations", "sent_messages",
    "received_messages", "failed_messages", "account_alerts", "placed_orders", "cancelled_orders",
    "revenue_cny",
)  # fmt: skip
COMPARED = {
    "ai_requests": "ai_requests_change_pct",
    "ai_cost_cny": "ai_cost_change_pct",
    "sent_messages": "sent_messages_change_pct",
    "placed_orders": "placed_orders_change_pct",
    "revenue_cny": "revenue_change_pct",
}


def tenants_of(given: Given) -> list[Row]:
    """The tenants of the platform, the one that every installation starts with among them."""
    return given("warehouse", "dim_tenants")


def by_day(rows: Iterable[Row], day: str = "stat_date") -> dict[tuple[str, date], Row]:
    """Rows by tenant and day."""
    return {(row["tenant_id"], row[day]): row for row in rows}


def events_by_day(rows: Iterable[Row], moment: str) -> dict[tuple[str, date], list[Row]]:
    """Rows in lists, by tenant and day of an instant."""
    found: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["tenant_id"], row[moment].date()].append(row)
    return found


def revenue(orders: Iterable[Row]) -> Decimal:
    """What orders are worth that were neither cancelled nor refunded."""
    lost = ("cancelled", "refunded")
    return sum((o["total_amount"] for o in orders if o["order_status"] not in lost), Decimal(0))


def cancelled(orders: Iterable[Row]) -> int:
    """Orders that were cancelled."""
    return sum(order["order_status"] == "cancelled" for order in orders)


# --- tenant and day ------------------------------------------------------------------------------


def open_days(raw: Raw, given: Given) -> Keyed:
    """All figures of tenant_daily by tenant and day, as if nothing had to be hidden."""
    usage = by_day(given("saas_unified_core", "saas_usage_statistics"), "usage_date")
    security = by_day(given("saas_unified_core", "saas_security_daily"))
    wework = by_day(given("wework_platform", "wework_tenant_usage"))
    periods = given("health_management", "health_statistics")
    health = by_day(row for row in periods if row["stat_type"] == "daily")
    orders = events_by_day(raw.rows("service_orders"), "order_time")
    customers = events_by_day(raw.rows("customers"), "created_at")
    events = events_by_day(raw.rows("customer_behavior_events"), "event_time")
    found: Keyed = {}
    for tenant in tenants_of(given):
        day = tenant["created_at"].date()
        while day <= raw.today:
            key = (tenant["tenant_id"], day)
            used, chats = usage.get(key, NO_ROW), wework.get(key, NO_ROW)
            tried, cared = security.get(key, NO_ROW), health.get(key, NO_ROW)
            found[key] = {
                "active_users": used["active_users"],
                "failed_logins": tried["failed_attempts"]
                + tried["blocked_attempts"]
                + tried["suspended_attempts"],
                "api_calls": used["api_calls"],
                "storage_used_gb": used["storage_used_gb"],
                "ai_requests": used["ai_requests"],
                "ai_tokens": used["ai_tokens_consumed"],
                "ai_cost_cny": used["ai_cost"],
                "ai_conversations": used["ai_conversations"],
                "online_accounts": chats["online_accounts"],
                "sent_messages": chats["sent_messages"],
                "received_messages": chats["received_messages"],
                "failed_messages": chats["failed_messages"],
                "account_alerts": chats["total_alerts"],
                "patients": cared["total_patients"],
                "health_alerts": cared["total_alerts"],
                "checkups": cared["total_checkups"],
                "active_patients": used["health_patients_active"],
                "health_records": used["health_records_created"],
                "placed_orders": len(orders[key]),
                "cancelled_orders": cancelled(orders[key]),
                "revenue_cny": revenue(orders[key]),
                "new_customers": len(customers[key]),
                "active_customers": len({event["customer_id"] for event in events[key]}),
                "behavior_events": len(events[key]),
            }
            day += DAY
    return found


# what is told of the people counted by a column
TOLD_OF = {
    "active_users": ("active_users",),
    "patients": ("patients", "health_alerts", "checkups"),
    "active_patients": ("active_patients", "health_records"),
    "new_customers": ("new_customers",),
    "active_customers": ("active_customers", "behavior_events"),
}


def tenant_daily(raw: Raw, given: Given) -> Keyed:
    """tenant_daily by tenant and day."""
    found = open_days(raw, given)
    of_day: dict[date, dict[str, Row]] = defaultdict(dict)
    for (tenant, day), row in found.items():
        of_day[day][tenant] = row
    for day, rows in of_day.items():
        for people, told in TOLD_OF.items():
            hidden = hidden_cells({tenant: row[people] for tenant, row in rows.items()})
            for tenant, row in rows.items():
                row.setdefault("has_small_cell", False)
                if tenant in hidden:
                    row.update(dict.fromkeys(told), has_small_cell=True)
        for row in rows.values():
            if row["active_patients"] == 0 and row["health_records"]:
                row.update(health_records=None, has_small_cell=True)
            if day == raw.today:
                row.update(dict.fromkeys(TOLD_OF["patients"]))
    return found


# --- management ----------------------------------------------------------------------------------


def executive_summary_daily(raw: Raw, given: Given) -> Keyed:
    """executive_summary_daily by day."""
    of_day: dict[date, list[Row]] = defaultdict(list)
    for (_, day), row in open_days(raw, given).items():
        of_day[day].append(row)
    sums = {
        day: {name: sum(row[name] for row in rows) for name in MEASURES}
        for day, rows in of_day.items()
    }
    found: Keyed = {}
    for day, rows in of_day.items():
        busy = ("api_calls", "sent_messages", "received_messages", "placed_orders")
        users, patients, customers, records = (
            sum(row[name] for row in rows)
            for name in ("active_users", "active_patients", "new_customers", "health_records")
        )
        before = sums.get(day - WEEK)
        is_untold = patients == 0 and records > 0
        found[(day,)] = {
            "tenants": len(rows),
            "active_tenants": sum(any(row[name] for name in busy) for row in rows),
            **sums[day],
            **{
                change: before
                and ratio(100 * (sums[day][name] - before[name]), before[name], 2)
                for name, change in COMPARED.items()
            },
            "active_users": None if users in FEW else users,
            "active_patients": None if patients in FEW else patients,
            "health_records": None if patients in FEW or is_untold else records,
            "new_customers": None if customers in FEW else customers,
            "has_small_cell": is_untold or any(n in FEW for n in (users, patients, customers)),
        }  # fmt: skip
    return found


# --- tenant --------------------------------------------------------------------------------------


def tenant_360(raw: Raw, given: Given) -> Keyed:
    """tenant_360 by tenant."""
    days = open_days(raw, given)
    recent = [raw.today - n * DAY for n in range(30)]

    def count(table: str, keeps: Callable[[Row], bool] = lambda _: True) -> Counter[Any]:
        return Counter(row["tenant_id"] for row in raw.rows(table) if keeps(row))

    agents = count("ai_agents", lambda row: row["status"] != "archived")
    accounts = count("wework_accounts")
    online = count("wework_accounts", lambda row: row["status"] == "ONLINE")
    patients = count("health_patients", lambda row: row["status"] != "archived")
    devices = count("health_devices")
    services = count("services", lambda row: row["status"] != "discontinued")
    customers = count("customers")
    buyers = count("customers", lambda row: bool(row["total_orders"]))
    segments = Counter(row["tenant_id"] for row in segments_of(raw) if row["is_active"])
    worth: dict[str, Decimal] = defaultdict(Decimal)
    for row in given("customer_management", "customer_lifetime_value"):
        worth[row["tenant_id"]] += row["lifetime_value_cny"] or 0
    tenants = {row["tenant_id"]: row for row in tenants_of(given)}
    users = {tenant: row["user_count"] for tenant, row in tenants.items()}
    hidden = {
        name: hidden_cells({tenant: sizes[tenant] for tenant in tenants})
        for name, sizes in (
            ("users", users), ("patients", patients), ("customers", customers), ("buyers", buyers)
        )
    }  # fmt: skip
    found: Keyed = {}
    for tenant, row in tenants.items():
        flows = {
            name: sum(days.get((tenant, day), NO_ROW)[name] for day in recent)
            for name in (*MEASURES, "failed_logins", "health_records")
        }
        others = customers[tenant] - buyers[tenant]
        hides = {name: tenant in cells for name, cells in hidden.items()}
        hides["buyers"] |= others in FEW
        is_untold = patients[tenant] == 0 and flows["health_records"] > 0
        shows_buyers = not hides["customers"] and not hides["buyers"]
        shown = ("tenant_code", "tenant_name", "tenant_type", "subscription_plan", "status")
        same_flows = ("failed_logins", "api_calls", "ai_requests", "ai_tokens", "ai_cost_cny")
        same_flows += ("ai_conversations", "sent_messages", "received_messages", "account_alerts")
        same_flows += ("revenue_cny",)
        found[(tenant,)] = {
            **{name: row[name] for name in shown},
            **{f"last_30_days_{name}": flows[name] for name in same_flows},
            "created_date": row["created_at"].date(),
            "users": None if hides["users"] else users[tenant],
            "last_login_at": None if hides["users"] else row["last_login_at"],
            "storage_used_gb": days.get((tenant, raw.today), NO_ROW)["storage_used_gb"],
            "agents": agents[tenant],
            "wework_accounts": accounts[tenant],
            "online_accounts": online[tenant],
            "last_30_days_failed_messages_pct": ratio(
                100 * flows["failed_messages"], flows["sent_messages"], 2
            ),
            "patients": None if hides["patients"] else patients[tenant],
            "devices": devices[tenant],
            "last_30_days_health_records": None
            if hides["patients"] or is_untold
            else flows["health_records"],
            "services": services[tenant],
            "last_30_days_orders": flows["placed_orders"],
            "last_30_days_cancelled_orders_pct": ratio(
                100 * flows["cancelled_orders"], flows["placed_orders"], 2
            ),
            "customers": None if hides["customers"] else customers[tenant],
            "buyers": buyers[tenant] if shows_buyers else None,
            "lifetime_value_cny": worth[tenant] if shows_buyers else None,
            "active_segments": segments[tenant],
            "has_small_cell": is_untold or any(hides.values()),
        }
    return found
