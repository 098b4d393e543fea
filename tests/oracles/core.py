"""The core marts and the calendar computed a second time, from the raw rows alone.

Nothing here shares a line with the models: JSON is read with Python's parser, addresses with the
ipaddress module, keys with hmac, days with the calendar module.
"""

from __future__ import annotations

import calendar
import csv
import hashlib
import hmac
import ipaddress
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from oracles.base import DAY, Keyed, Raw, Row, half_up, ratio

MASK_KEY = b"a-key-for-tests-only-0123456789abcdef"
WEEKDAYS_ZH = "一二三四五六日"


# --- masks -------------------------------------------------------------------------------------


def keyed(text: str | None) -> str | None:
    """The keyed hash of a text."""
    return text if text is None else hmac.new(MASK_KEY, text.encode(), hashlib.sha256).hexdigest()


def name_masked(name: str | None) -> str | None:
    """The first character and a star."""
    return name[0] + "*" if name else name


def email_masked(email: str | None) -> str | None:
    """The first character and the domain."""
    return email and f"{email[0]}***@{email.rpartition('@')[2]}"


def phone_masked(phone: str | None) -> str | None:
    """Three digits, four stars, four digits; every number of the sample is long enough."""
    return phone and f"{phone[:3]}****{phone[-4:]}"


def network(address: str | None) -> str | None:
    """The /24 of an IPv4 address, the /48 of an IPv6 one."""
    if address is None:
        return None
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv4Address):
        return str(ipaddress.ip_network(f"{found}/24", strict=False))
    return ":".join(f"{int(group, 16):x}" for group in found.exploded.split(":")[:3]) + "::/48"


def member(document: str | None, *path: str) -> Any:
    """The value at a path of a JSON text, None where it leads nowhere."""
    value = None if document is None else json.loads(document)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def flag(value: Any) -> bool | None:
    """A raw flag as a bool."""
    return None if value is None else bool(value)


def seconds(start: datetime | None, end: datetime | None) -> int | None:
    """Whole seconds between two instants, None without one of them."""
    return None if start is None or end is None else int((end - start).total_seconds())


def nearest_rank(values: Iterable[Any], share: int) -> Any:
    """The smallest value that at least `share` per cent do not exceed; None over nothing."""
    ordered = sorted(value for value in values if value is not None)
    return ordered[-(-share * len(ordered) // 100) - 1] if ordered else None


def until_today(raw: Raw, table: str, moment: str = "created_at") -> list[Row]:
    """Rows of a table up to the end of as_of's day."""
    return [row for row in raw.rows(table) if row[moment].date() <= raw.today]


# --- dimensions --------------------------------------------------------------------------------


def tenants(raw: Raw) -> Keyed:
    """dim_tenants, without the default tenant that deployment adds."""
    users = defaultdict(list)
    for user in raw.rows("saas_users"):
        users[user["tenant_id"]].append(user)
    return {
        (row["id"],): _tenant(row, users[row["id"]], raw.today) for row in raw.rows("saas_tenants")
    }


def _tenant(row: Row, users: list[Row], today: date) -> Row:
    there = [user for user in users if user["status"] != "deleted"]
    start, end = row["subscription_start_date"], row["subscription_end_date"]
    modules = member(row["enabled_modules"])
    same = (
        "tenant_code tenant_type subscription_plan billing_cycle subscription_start_date status "
        "subscription_end_date custom_domain storage_quota_gb bandwidth_quota_gb created_at "
        "updated_at"
    )
    return {
        **{name: row[name] for name in same.split()},
        "tenant_name": name_masked(row["tenant_name"])
        if row["tenant_type"] == "individual"
        else row["tenant_name"],
        "industry": member(row["company_info"], "industry"),
        "employees": member(row["company_info"], "employees"),
        "province": member(row["company_info"], "address", "province"),
        "business_line": member(row["business_info"], "line"),
        "has_running_subscription": start is not None and start <= today <= (end or today),
        "module_count": None if modules is None else len(modules),
        "user_count": len(there),
        "active_user_count": sum(user["status"] == "active" for user in users),
        "admin_count": sum(bool(user["is_tenant_admin"]) for user in there),
        "last_login_at": max(
            (u["last_login_at"] for u in users if u["last_login_at"]), default=None
        ),
    }


def users(raw: Raw) -> Keyed:
    """dim_users."""
    roles = defaultdict(set)
    for row in raw.rows("saas_user_roles"):
        ends = [row[name] for name in ("effective_end", "expires_at") if row[name] is not None]
        begun = row["effective_start"] is None or row["effective_start"] <= raw.as_of
        if row["status"] == "active" and begun and all(end > raw.as_of for end in ends):
            roles[row["user_id"]].add(row["role_id"])
    return {
        (row["id"],): {**_user(row, raw.as_of), "role_count": len(roles[row["id"]])}
        for row in raw.rows("saas_users")
    }


def _user(row: Row, as_of: datetime) -> Row:
    flags = {
        "is_super_admin": "is_super_admin",
        "is_tenant_admin": "is_tenant_admin",
        "is_email_verified": "email_verified",
        "is_phone_verified": "phone_verified",
        "is_identity_verified": "identity_verified",
        "has_mfa": "mfa_enabled",
        "is_password_change_required": "must_change_password",
        "has_non_expiring_password": "password_never_expires",
    }
    same = (
        "tenant_id department status password_changed_at login_failure_count last_login_at "
        "language timezone deleted_at created_at updated_at"
    )
    return {
        **{name: row[name] for name in same.split()},
        **{name: flag(row[source]) for name, source in flags.items()},
        "employee_key": keyed(row["employee_id"]),
        "username_masked": name_masked(row["username"]),
        "username_key": keyed(row["username"]),
        "real_name_masked": name_masked(member(row["profile"], "real_name")),
        "email_masked": email_masked(row["email"]),
        "email_key": keyed(row["email"]),
        "phone_masked": phone_masked(row["phone"]),
        "phone_key": keyed(row["phone"]),
        "is_locked_out": row["locked_until"] is not None and row["locked_until"] > as_of,
        "last_login_network": network(row["last_login_ip"]),
    }


def dates(raw: Raw, seed: Path) -> Keyed:
    """dim_dates, from the calendar module and the seed's file."""
    with seed.open(encoding="utf-8", newline="") as file:
        special = {date.fromisoformat(row["calendar_date"]): row for row in csv.DictReader(file)}
    day = date(min(row["created_at"] for row in raw.rows("saas_tenants")).year, 1, 1)
    found: Keyed = {}
    while day.year <= raw.today.year:
        found[(day,)] = _day(day, special.get(day), date(day.year, 1, 1) in special)
        day += DAY
    return found


def _day(day: date, notice: dict[str, str] | None, announced: bool) -> Row:
    iso = day.isocalendar()
    kind = notice["day_type"] if notice else None
    return {
        "year_number": day.year,
        "quarter_number": -(-day.month // 3),
        "month_number": day.month,
        "calendar_month": day.isoformat()[:7],
        "iso_year_week": iso.year * 100 + iso.week,
        "day_of_month": day.day,
        "day_of_week": iso.weekday,
        "day_of_year": day.timetuple().tm_yday,
        "month_name_en": calendar.month_name[day.month],
        "day_name_en": calendar.day_name[day.weekday()],
        "day_name_zh": "星期" + WEEKDAYS_ZH[day.weekday()],
        "week_start_date": day - day.weekday() * DAY,
        "month_start_date": day.replace(day=1),
        "month_end_date": day.replace(day=calendar.monthrange(day.year, day.month)[1]),
        "quarter_start_date": date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
        "year_start_date": date(day.year, 1, 1),
        "is_weekend": iso.weekday > 5,
        "has_announced_holidays": announced,
        "is_holiday": kind == "holiday" if announced else None,
        "is_working_weekend": kind == "workday" if announced else None,
        "is_working_day": (kind or ("workday" if iso.weekday < 6 else "weekend")) == "workday"
        if announced
        else None,
        "holiday_name_en": notice and notice["holiday_name_en"],
        "holiday_name_zh": notice and notice["holiday_name_zh"],
    }


# --- facts -------------------------------------------------------------------------------------


def logins(raw: Raw) -> Keyed:
    """fct_logins."""
    known = {(row["tenant_id"], row["username"]): row["id"] for row in raw.rows("saas_users")}
    same = "tenant_id login_method attempt_result failure_reason risk_score created_at"
    return {
        (row["id"],): {
            **{name: row[name] for name in same.split()},
            "user_id": known.get((row["tenant_id"], row["username"])),
            "username_key": keyed(row["username"]),
            "login_date": row["created_at"].date(),
            "is_successful": row["attempt_result"] == "success",
            "is_suspicious": flag(row["is_suspicious"]),
            "blocked_until_at": row["blocked_until"],
            "ip_key": keyed(row["ip_address"]),
            "ip_network": network(row["ip_address"]),
            "device_key": keyed(row["device_fingerprint"]),
            "country_code": member(row["location"], "country"),
        }
        for row in until_today(raw, "saas_login_attempts")
    }


def audit_events(raw: Raw) -> Keyed:
    """fct_audit_events."""
    same = (
        "tenant_id log_type module sub_module operator_type operator_id session_id action "
        "target_type target_id status execution_time_ms created_at"
    )
    return {
        (row["id"],): {
            **{name: row[name] for name in same.split()},
            "event_date": row["created_at"].date(),
            "error_code": member(row["error_info"], "code"),
            "ip_key": keyed(row["ip_address"]),
            "ip_network": network(row["ip_address"]),
        }
        for row in until_today(raw, "saas_unified_audit_logs")
    }


def alerts(raw: Raw) -> Keyed:
    """fct_alerts."""
    same = (
        "tenant_id source_type source_module source_id alert_code alert_category alert_level "
        "business_impact status occurrence_count escalation_level first_occurred_at "
        "last_occurred_at acknowledged_by acknowledged_at resolved_by resolved_at created_at"
    )
    return {
        (row["id"],): {
            **{name: row[name] for name in same.split()},
            "alert_date": row["created_at"].date(),
            "acknowledge_seconds": seconds(row["first_occurred_at"], row["acknowledged_at"]),
            "resolve_seconds": seconds(row["first_occurred_at"], row["resolved_at"]),
        }
        for row in until_today(raw, "saas_unified_alerts")
    }


# --- days --------------------------------------------------------------------------------------


def message_delivery(raw: Raw) -> Keyed:
    """message_delivery_daily."""
    groups = defaultdict(list)
    for row in until_today(raw, "saas_message_logs"):
        groups[row["tenant_id"], row["message_type"], row["created_at"].date()].append(row)
    return {key: _delivery(rows) for key, rows in groups.items()}


def _delivery(rows: list[Row]) -> Row:
    states = Counter(row["status"] for row in rows)
    taken = [s for row in rows if (s := seconds(row["sent_at"], row["delivered_at"])) is not None]
    good = states["sent"] + states["delivered"]
    opened = [row for row in rows if row["opened_at"] is not None]
    seen = sum(row["status"] == "delivered" for row in opened)
    return {
        "messages": len(rows),
        "external_messages": sum(row["recipient_type"] == "external" for row in rows),
        "pending_messages": states["pending"] + states["sending"],
        **{
            f"{state}_messages": states[state]
            for state in ("sent", "delivered", "failed", "bounced")
        },
        "retried_messages": sum((row["retry_count"] or 0) > 0 for row in rows),
        "retries": sum(row["retry_count"] or 0 for row in rows),
        "opened_messages": len(opened),
        "clicked_messages": sum(row["clicked_at"] is not None for row in rows),
        "success_rate_pct": ratio(100 * good, good + states["failed"] + states["bounced"], 2),
        "open_rate_pct": ratio(100 * seen, states["delivered"], 2),
        "timed_messages": len(taken),
        "delivery_seconds_sum": sum(taken),
        "avg_delivery_seconds": ratio(sum(taken), len(taken), 3),
        "p50_delivery_seconds": nearest_rank(taken, 50),
        "p95_delivery_seconds": nearest_rank(taken, 95),
    }


EMPTY_SUBJECT = dict.fromkeys(
    (
        *("samples", "value_sum", "avg_value", "min_value", "max_value", "p95_value"),
        *("probes", "healthy_probes", "degraded_probes", "unhealthy_probes", "unknown_probes"),
        *("healthy_pct", "fired_rules", "raised_alerts", "critical_alerts"),
    )
)


def platform_health(raw: Raw) -> Keyed:
    """platform_health_daily after a single build, which is the first that sees the probes.

    By scope, subject type, name, metric type, window and day.
    """
    found = {**_metrics(raw), **_probes(raw), **_rules(raw)}
    return {
        (key[0] or "platform", *key[1:]): {**EMPTY_SUBJECT, "tenant_id": key[0], **row}
        for key, row in found.items()
    }


def _metrics(raw: Raw) -> Keyed:
    groups = defaultdict(list)
    for row in until_today(raw, "saas_system_metrics", "recorded_at"):
        key = (
            row["metric_name"],
            row["metric_type"],
            row["time_window"],
            row["recorded_at"].date(),
        )
        groups[(row["tenant_id"], "metric", *key)].append(row["metric_value"])
    return {key: _metric(values, key[3] == "counter") for key, values in groups.items()}


def _metric(values: list[Decimal], adds_up: bool) -> Row:
    total = sum(map(Fraction, values))
    return {
        "samples": len(values),
        "value_sum": half_up(total, 6) if adds_up else None,
        "avg_value": half_up(total / len(values), 6),
        "min_value": min(values),
        "max_value": max(values),
        "p95_value": nearest_rank(values, 95),
    }


def _probes(raw: Raw) -> Keyed:
    groups = defaultdict(Counter)
    for row in raw.rows("saas_health_checks"):
        key = (row["tenant_id"], "health_check", row["check_type"], None, None, raw.today)
        groups[key][row["status"]] += 1
    return {key: _verdicts(states) for key, states in groups.items()}


def _verdicts(states: Counter[str]) -> Row:
    kinds = ("healthy", "degraded", "unhealthy", "unknown")
    return {
        "probes": states.total(),
        **{f"{kind}_probes": states[kind] for kind in kinds},
        "healthy_pct": ratio(100 * states["healthy"], states.total() - states["unknown"], 2),
    }


def _rules(raw: Raw) -> Keyed:
    rules = {row["id"]: row for row in raw.rows("saas_monitor_rules")}
    groups = defaultdict(list)
    for row in until_today(raw, "saas_unified_alerts"):
        rule = rules.get(row["source_id"])
        if row["source_type"] == "monitor" and rule:
            key = (rule["tenant_id"], "monitor_rule", rule["rule_category"], None, None)
            groups[(*key, row["created_at"].date())].append(row)
    return {
        key: {
            "fired_rules": len({row["source_id"] for row in rows}),
            "raised_alerts": len(rows),
            "critical_alerts": sum(row["alert_level"] == "critical" for row in rows),
        }
        for key, rows in groups.items()
    }


# --- snapshots ---------------------------------------------------------------------------------


def first_versions(raw: Raw, table: str, names: dict[str, str]) -> Keyed:
    """A snapshot after its first build: `names` are its columns' names in the source."""
    key = next(name for name, source in names.items() if source in ("id", "tenant_id"))
    rows = [row for row in raw.rows(table) if row.get("created_at", raw.as_of) <= raw.as_of]
    return {
        (row[names[key]],): {
            **{name: row[source] for name, source in names.items() if name != key},
            "dbt_valid_from": raw.as_of,
            "dbt_valid_to": None,
            "dbt_updated_at": raw.as_of,
        }
        for row in rows
    }
