"""Usage, quotas, sign-ins and permissions of the core domain computed a second time.

Everything is counted from the raw rows of all days, one dictionary a figure: no window, no
statistics table in between, no running sum. Storage adds up the files of each day; a permission is
looked for role by role, up the tree.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracles.base import DAY, Keyed, Raw, Row, half_up, midnight
from oracles.wework import Histories

GIB = 2**30
WENT_OUT = ("sent", "delivered")
MOST = Decimal("999.99")
# Resource, period and the limit that it is held against.
CALLS = "api_calls"
FLOWS = {
    (CALLS, "minute"): "max_api_calls_per_minute",
    (CALLS, "hour"): "max_api_calls_per_hour",
    (CALLS, "day"): "max_api_calls_per_day",
    (CALLS, "month"): "max_api_calls_per_month",
    ("wework_messages", "day"): "max_daily_wework_messages",
    ("wework_messages", "month"): "max_monthly_wework_messages",
    ("wework_alerts", "day"): "max_wework_alerts_per_day",
    ("ai_conversations", "day"): "max_ai_conversations_per_day",
    ("ai_tokens", "day"): "max_ai_tokens_per_day",
    ("alerts", "day"): "max_alerts_per_day",
    ("notifications", "day"): "max_notifications_per_day",
    ("email", "day"): "max_email_per_day",
    ("sms", "day"): "max_sms_per_day",
}
# Resource and the table whose rows it counts; its limit is max_<resource>.
STOCKS = {
    "users": "saas_users",
    "roles": "saas_roles",
    "api_keys": "saas_api_keys",
    "monitor_rules": "saas_monitor_rules",
    "wework_accounts": "wework_accounts",
    "online_wework_accounts": "wework_accounts",
    "wework_monitor_rules": "wework_account_monitor_rules",
    "ai_agents": "ai_agents",
    "ai_platforms": "ai_platforms",
    "ai_knowledge_bases": "ai_knowledge_bases",
    "ai_tools": "ai_tools",
    "health_patients": "health_patients",
    "health_devices": "health_devices",
}
OTHER_STOCKS = ("storage_gb", "health_records_per_patient", "concurrent_sessions")


# --- what happened -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """Something that counts: whose, when, how often or how much."""

    tenant_id: str
    moment: datetime
    amount: int | Decimal = 1


def events(raw: Raw, table: str, moment: str = "created_at") -> Iterator[tuple[Row, Event]]:
    """A table's rows that have a tenant and a moment, each with its event."""
    for row in raw.rows(table):
        if row["tenant_id"] is not None and row[moment] is not None:
            yield row, Event(row["tenant_id"], row[moment])


def api_calls(raw: Raw) -> list[Event]:
    """AI requests and what the API did."""
    done = [event for row, event in events(raw, "saas_unified_audit_logs")
            if row["operator_type"] == "api"]  # fmt: skip
    return done + [event for _, event in events(raw, "ai_call_logs")]


def tokens(raw: Raw) -> list[Event]:
    """Tokens of the calls that report any."""
    found = []
    for row, event in events(raw, "ai_call_logs"):
        told = json.loads(row["tokens"]) if row["tokens"] else {}
        found.append(Event(event.tenant_id, event.moment, told.get("total") or 0))
    return found


def messages_out(raw: Raw) -> list[Event]:
    """WeCom messages that went out."""
    return [
        event
        for row, event in events(raw, "wework_message_records")
        if row["direction"] == "send" and row["send_status"] in (*WENT_OUT, "read")
    ]


def logged(raw: Raw, kinds: Sequence[str] = (), *, alone: bool = False) -> list[Event]:
    """Messages that went out; of these kinds, or those that belong to no notification."""
    return [
        event
        for row, event in events(raw, "saas_message_logs")
        if row["status"] in WENT_OUT
        and (not kinds or row["message_type"] in kinds)
        and not (alone and row["notification_id"] is not None)
    ]


def notifications(raw: Raw) -> list[Event]:
    """Recipients of notifications, and messages outside of any."""
    told = [
        Event(event.tenant_id, event.moment, row["sent_count"] or 0)
        for row, event in events(raw, "saas_notifications", "sent_at")
    ]
    return told + logged(raw, alone=True)


def kept_files(raw: Raw) -> list[Row]:
    """Files that are not temporary."""
    return [row for row in raw.rows("saas_files") if not row["is_temporary"]]


def by_day(found: Sequence[Event]) -> Mapping[tuple[str, date], Any]:
    """Amounts by tenant and day."""
    sums: dict[tuple[str, date], Any] = defaultdict(int)
    for event in found:
        sums[event.tenant_id, event.moment.date()] += event.amount
    return sums


def of_table(raw: Raw, table: str) -> list[Event]:
    """A table's rows as events."""
    return [event for _, event in events(raw, table)]


def tenant_days(raw: Raw) -> Iterator[tuple[str, date]]:
    """Every tenant's days, its first one and as_of's included."""
    for tenant in raw.rows("saas_tenants"):
        day = tenant["created_at"].date()
        while day <= raw.today:
            yield tenant["id"], day
            day += DAY


# --- saas_usage_statistics ---------------------------------------------------------------------


def usage_statistics(raw: Raw) -> Keyed:
    """Rows by tenant and day."""
    exports = [
        event
        for row, event in events(raw, "saas_unified_audit_logs")
        if row["target_type"] == "export" and row["status"] == "success"
    ]
    costs = [
        Event(event.tenant_id, event.moment, row["cost"] or Decimal(0))
        for row, event in events(raw, "ai_call_logs")
    ]
    traffic = [
        Event(
            event.tenant_id, event.moment, (row["request_size"] or 0) + (row["response_size"] or 0)
        )
        for row, event in events(raw, "ai_call_logs")
    ]
    uploads = [Event(row["tenant_id"], row["created_at"]) for row in kept_files(raw)]
    counted = {
        "active_users": _distinct(_people(raw)),
        "api_calls": by_day(api_calls(raw)),
        "wework_accounts_online": _online(raw),
        "wework_messages_sent": by_day(messages_out(raw)),
        "wework_alerts_triggered": by_day(of_table(raw, "wework_account_alerts")),
        "ai_conversations": by_day(of_table(raw, "ai_conversations")),
        "ai_tokens_consumed": by_day(tokens(raw)),
        "ai_requests": by_day(of_table(raw, "ai_call_logs")),
        "health_records_created": by_day(of_table(raw, "health_records")),
        "health_patients_active": _distinct(_patients(raw)),
        "notifications_sent": by_day(notifications(raw)),
        "files_uploaded": by_day(uploads),
        "exports_performed": by_day(exports),
    }
    spent, moved, stored = by_day(costs), by_day(traffic), _storage(raw)
    return {
        key: {
            **{name: figures.get(key, 0) for name, figures in counted.items()},
            "ai_cost": half_up(spent.get(key, 0), 4),
            "bandwidth_used_gb": half_up(Fraction(moved.get(key, 0), GIB), 2),
            "storage_used_gb": half_up(Fraction(stored[key], GIB), 2),
        }
        for key in tenant_days(raw)
    }


def _people(raw: Raw) -> Iterator[tuple[str, date, str]]:
    named = {(user["tenant_id"], user["username"]): user["id"] for user in raw.rows("saas_users")}
    for row, event in events(raw, "saas_login_attempts"):
        person = named.get((row["tenant_id"], row["username"]))
        if row["attempt_result"] == "success" and person:
            yield event.tenant_id, event.moment.date(), person
    for row, event in events(raw, "saas_unified_audit_logs"):
        if row["operator_type"] == "user" and row["operator_id"]:
            yield event.tenant_id, event.moment.date(), row["operator_id"]


def _patients(raw: Raw) -> Iterator[tuple[str, date, str]]:
    for table, moment in (("health_records", "recorded_at"), ("health_vital_signs", "measured_at")):
        for row, event in events(raw, table, moment):
            yield event.tenant_id, event.moment.date(), row["patient_id"]


def _distinct(seen: Iterator[tuple[str, date, str]]) -> Counter[tuple[str, date]]:
    return Counter((tenant, day) for tenant, day, _ in set(seen))


def _online(raw: Raw) -> Counter[tuple[str, date]]:
    histories, found = Histories(raw), Counter[tuple[str, date]]()
    for account in raw.rows("wework_accounts"):
        day = account["created_at"].date()
        while day <= raw.today:
            online = histories.status_before(account, midnight(day) + DAY) == "ONLINE"
            found[account["tenant_id"], day] += online
            day += DAY
    return found


def _storage(raw: Raw) -> dict[tuple[str, date], int]:
    files: dict[str, list[Row]] = defaultdict(list)
    for row in kept_files(raw):
        files[row["tenant_id"]].append(row)
    found = {}
    for tenant, day in tenant_days(raw):
        end = midnight(day) + DAY
        found[tenant, day] = sum(
            row["file_size"]
            for row in files[tenant]
            if row["created_at"] < end and not (row["deleted_at"] and row["deleted_at"] < end)
        )
    return found


# --- saas_quota_usage_realtime -----------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A span of time, and how to find the one before it."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, moment: datetime, period: str) -> Window:
        """The calendar minute, hour, day or month that holds a moment."""
        if period == "month":
            start = midnight(moment.date().replace(day=1))
            return cls(start, midnight((start.date() + 31 * DAY).replace(day=1)))
        length = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY}[period]
        start = midnight(moment.date()) + (moment - midnight(moment.date())) // length * length
        return cls(start, start + length)


def trailing(moment: datetime, period: str) -> list[Window]:
    """The window of a moment and the twenty-nine before it, newest first."""
    found = [Window.around(moment, period)]
    while len(found) < 30:
        found.append(Window.around(found[-1].start - timedelta(seconds=1), period))
    return found


def quota_usage(raw: Raw) -> Keyed:
    """Rows by tenant, resource and period."""
    quotas = [row for row in raw.rows("saas_tenant_quotas") if _holds(row, raw.today)]
    found: Keyed = {}
    happened = _flows(raw)
    for (resource, period), limit in FLOWS.items():
        windows = trailing(raw.as_of, period)
        used = _by_window(happened[resource], windows)
        for quota in quotas:
            counts = used[quota["tenant_id"]]
            amounts = [counts[window] for window in windows]
            found[quota["tenant_id"], resource, period] = _row(quota, limit, amounts[0], 1) | {
                "window_start": windows[0].start,
                "window_end": windows[0].end,
                "last_reset_at": windows[0].start,
                "peak_usage": max(amounts),
                "avg_usage": half_up(Fraction(sum(amounts), 30), 2),
            }
    today = Window.around(raw.as_of, "day")
    for resource, there in _stocks(raw).items():
        units = GIB if resource == "storage_gb" else 1
        for quota in quotas:
            row = _row(quota, f"max_{resource}", there[quota["tenant_id"]], units)
            found[quota["tenant_id"], resource, "day"] = row | {
                "window_start": today.start,
                "window_end": today.end,
                "last_reset_at": None,
                "peak_usage": row["current_usage"],
                "avg_usage": row["current_usage"],
            }
    return {key: row for key, row in found.items() if row["usage_limit"] is not None}


def _holds(quota: Row, today: date) -> bool:
    return quota["effective_from"] <= today <= (quota["effective_to"] or today)


def _row(quota: Row, limit_name: str, used: int, units: int) -> Row:
    limit = quota[limit_name]
    if limit is None:
        return {"usage_limit": None, "current_usage": -(-used // units)}
    if limit:
        share = min(half_up(Fraction(100 * used) / (Fraction(limit) * units), 2), MOST)
    else:
        share = MOST if used else Decimal(0)
    threshold = quota["warning_threshold"]
    return {
        "usage_limit": int(limit),
        "current_usage": -(-used // units),
        "usage_percentage": share,
        "alert_triggered": share >= (80 if threshold is None else threshold),
    }


def _flows(raw: Raw) -> dict[str, list[Event]]:
    return {
        CALLS: api_calls(raw),
        "wework_messages": messages_out(raw),
        "wework_alerts": of_table(raw, "wework_account_alerts"),
        "ai_conversations": of_table(raw, "ai_conversations"),
        "ai_tokens": tokens(raw),
        "alerts": of_table(raw, "saas_unified_alerts"),
        "notifications": notifications(raw),
        "email": logged(raw, ["email"]),
        "sms": logged(raw, ["sms"]),
    }


def _by_window(found: Sequence[Event], windows: Sequence[Window]) -> dict[str, Counter[Window]]:
    counts: dict[str, Counter[Window]] = defaultdict(Counter)
    for event in found:
        if windows[-1].start <= event.moment < windows[0].end:
            window = next(w for w in windows if w.start <= event.moment)
            counts[event.tenant_id][window] += int(event.amount)
    return counts


def _stocks(raw: Raw) -> dict[str, Counter[str]]:
    left_out = {
        "users": lambda row: not _is_there(row, raw.as_of),
        "api_keys": lambda row: row["status"] != "active",
        "online_wework_accounts": lambda row: row["status"] != "ONLINE",
        "ai_agents": lambda row: row["status"] == "archived",
        "health_patients": lambda row: row["status"] == "archived",
    }
    found = {
        resource: Counter(
            row["tenant_id"]
            for row in raw.rows(table)
            if not (resource in left_out and left_out[resource](row))
        )
        for resource, table in STOCKS.items()
    }
    bytes_stored: Counter[str] = Counter()
    for row in kept_files(raw):
        if row["deleted_at"] is None or row["deleted_at"] > raw.as_of:
            bytes_stored[row["tenant_id"]] += row["file_size"]
    sessions = [
        row
        for row in raw.rows("saas_user_sessions")
        if row["status"] == "active" and row["expires_at"] > raw.as_of
    ]
    return found | {
        "storage_gb": bytes_stored,
        "health_records_per_patient": _most(raw.rows("health_records"), "patient_id"),
        "concurrent_sessions": _most(sessions, "user_id"),
    }


def _most(rows: Sequence[Row], name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for (tenant, _), count in Counter((row["tenant_id"], row[name]) for row in rows).items():
        found[tenant] = max(found[tenant], count)
    return found


# --- saas_security_daily -----------------------------------------------------------------------


def security_daily(raw: Raw) -> Keyed:
    """Rows by tenant and day."""
    attempts: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for row, event in events(raw, "saas_login_attempts"):
        attempts[event.tenant_id, event.moment.date()].append(row)
    failures = by_day(
        [event for row, event in events(raw, "saas_unified_audit_logs")
         if row["status"] == "failure"]
    )  # fmt: skip
    return {
        key: _attempts(attempts[key]) | {"audit_failures": failures.get(key, 0)}
        for key in tenant_days(raw)
    }


def _attempts(rows: Sequence[Row]) -> Row:
    results = Counter(row["attempt_result"] for row in rows)
    return {
        "successful_attempts": results["success"],
        "failed_attempts": results["failed"],
        "blocked_attempts": results["blocked"],
        "suspended_attempts": results["suspended"],
        "suspicious_attempts": sum(bool(row["is_suspicious"]) for row in rows),
        "ip_address_count": len({row["ip_address"] for row in rows}),
        "lockouts": results["blocked"],
        "mfa_successes": sum(
            (row["attempt_result"], row["login_method"]) == ("success", "mfa") for row in rows
        ),
    }


# --- views -------------------------------------------------------------------------------------


def _is_there(user: Row, now: datetime) -> bool:
    gone = user["deleted_at"]
    return user["status"] != "deleted" and (gone is None or gone > now)


def _spans(row: Row, now: datetime) -> bool:
    start, end = row["effective_start"], row["effective_end"]
    return (start is None or start <= now) and (end is None or now < end)


def _assignments(raw: Raw) -> list[Row]:
    return [
        row
        for row in raw.rows("saas_user_roles")
        if row["status"] == "active"
        and _spans(row, raw.as_of)
        and (row["expires_at"] is None or raw.as_of < row["expires_at"])
    ]


def tenant_overview(raw: Raw) -> Keyed:
    """v_tenant_overview."""
    people = Counter(
        user["tenant_id"] for user in raw.rows("saas_users") if _is_there(user, raw.as_of)
    )
    roles = {(row["tenant_id"], row["role_id"]) for row in _assignments(raw)}
    held = Counter(tenant for tenant, _ in roles)
    quotas = {row["tenant_id"]: row for row in raw.rows("saas_tenant_quotas")}
    stored = _storage(raw)
    same = ["tenant_name", "tenant_code", "status", "subscription_plan", "created_at"]
    return {
        (row["id"],): {
            **{name: row[name] for name in same},
            "user_count": people[row["id"]],
            "role_count": held[row["id"]],
            "max_users": quotas.get(row["id"], {}).get("max_users"),
            "max_storage_gb": quotas.get(row["id"], {}).get("max_storage_gb"),
            "storage_used_gb": half_up(Fraction(stored[row["id"], raw.today], GIB), 2),
        }
        for row in raw.rows("saas_tenants")
    }


def user_permissions(raw: Raw) -> Keyed:
    """v_user_permissions."""
    roles = {
        row["id"]: row
        for row in raw.rows("saas_roles")
        if row["status"] == "active" and _spans(row, raw.as_of)
    }
    says = {
        (row["role_id"], row["permission_id"]): row["permission_type"]
        for row in raw.rows("saas_role_permissions")
    }
    permissions = [row for row in raw.rows("saas_permissions") if row["status"] == "active"]
    users = {
        row["id"]: row
        for row in raw.rows("saas_users")
        if row["status"] == "active" and _is_there(row, raw.as_of)
    }
    held: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in _assignments(raw):
        if row["role_id"] in roles:
            held[row["user_id"]].add((row["role_id"], row["scope_type"] or "global"))

    def allows(role_id: str | None, permission_id: str, asked: frozenset[str]) -> bool:
        if role_id not in roles or role_id in asked:
            return False
        answer = says.get((role_id, permission_id))
        if answer != "inherit":
            return answer == "allow"
        return allows(roles[role_id]["parent_role_id"], permission_id, asked | {role_id})

    found: Keyed = {}
    for user_id, user in users.items():
        for permission in permissions:
            if any(says.get((role, permission["id"])) == "deny" for role, _ in held[user_id]):
                continue
            for role, scope in held[user_id]:
                if allows(role, permission["id"], frozenset()):
                    code = roles[role]["role_code"]
                    found[user_id, code, permission["permission_code"], scope] = {
                        "tenant_id": user["tenant_id"],
                        "username": user["username"],
                        "module": permission["module"],
                        "action": permission["action"],
                        "role_status": "active",
                    }
    return found


# --- fct_quota_utilization_daily ---------------------------------------------------------------


def quota_utilization(raw: Raw) -> Keyed:
    """Rows by tenant, day, resource and period: of the only day that a first snapshot knows."""
    usage = usage_statistics(raw)
    first = raw.today.replace(day=1)
    names = {
        (CALLS, "day"): "api_calls",
        ("wework_messages", "day"): "wework_messages_sent",
        ("wework_alerts", "day"): "wework_alerts_triggered",
        ("ai_conversations", "day"): "ai_conversations",
        ("ai_tokens", "day"): "ai_tokens_consumed",
        ("notifications", "day"): "notifications_sent",
        (CALLS, "month"): "api_calls",
        ("wework_messages", "month"): "wework_messages_sent",
        ("online_wework_accounts", "day"): "wework_accounts_online",
        ("storage_gb", "day"): "storage_used_gb",
    }
    found: Keyed = {}
    for quota in raw.rows("saas_tenant_quotas"):
        for (resource, period), name in names.items():
            limit = quota[FLOWS.get((resource, period), f"max_{resource}")]
            if limit is None or not _holds(quota, raw.today):
                continue
            days = range((raw.today - first).days + 1) if period == "month" else (0,)
            keys = [(quota["tenant_id"], raw.today - number * DAY) for number in days]
            amount = sum(usage[key][name] for key in keys if key in usage)
            share = half_up(Fraction(100 * amount) / Fraction(limit), 2) if limit else None
            threshold = quota["warning_threshold"]
            threshold = 80 if threshold is None else threshold
            found[quota["tenant_id"], raw.today, resource, period] = {
                "usage_amount": amount,
                "limit_amount": limit,
                "utilization_pct": share,
                "warning_threshold_pct": threshold,
                "has_reached_warning": amount > 0 if share is None else share >= threshold,
                "is_over_limit": amount > limit,
                "overage_policy": quota["overage_policy"],
            }
    return found
