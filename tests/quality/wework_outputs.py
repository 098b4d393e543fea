"""Small outputs of the wework domain, straight into tables; clean until a test damages them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.settings import Settings

DAYS = 38
# Monday to Sunday: a quiet Sunday must not be an alarm.
WEEK = (1.1, 1.0, 1.0, 1.0, 0.95, 0.4, 0.25)
ACCOUNTS = {"tenant-a": 18, "tenant-b": 14, "tenant-silent": 4}
MARKER = "秘密-marker-138001380001"

_COLUMNS = {
    ("wework_platform", "wework_tenant_usage"): {
        "tenant_id": "varchar(64)",
        "stat_date": "date",
        **dict.fromkeys(
            (
                "total_accounts",
                "online_accounts",
                "active_accounts",
                "total_messages",
                "sent_messages",
                "received_messages",
                "failed_messages",
                "total_contacts",
                "new_contacts",
                "active_contacts",
                "total_groups",
                "active_groups",
                "group_messages",
                "total_alerts",
                "critical_alerts",
                "resolved_alerts",
            ),
            "bigint",
        ),
        "avg_response_time": "decimal(8,3)",
        "message_success_rate": "decimal(5,2)",
        "uptime_percentage": "decimal(5,2)",
    },
    ("wework_platform", "wework_account_daily"): {
        "account_id": "varchar(64)",
        "tenant_id": "varchar(64)",
        "stat_date": "date",
        **dict.fromkeys(
            (
                "send_total",
                "sent_count",
                "delivered_count",
                "read_count",
                "failed_count",
                "recalled_count",
                "pending_count",
                "received_count",
                "response_ms_sum",
                "response_count",
            ),
            "bigint",
        ),
    },
    ("wework_platform", "wework_message_daily"): {
        "tenant_id": "varchar(64)",
        "account_id": "varchar(64)",
        "stat_date": "date",
        "direction": "varchar(7)",
        "message_type": "varchar(8)",
        "send_status": "varchar(9)",
        **dict.fromkeys(
            (
                "message_count",
                "processing_ms_sum",
                "processing_count",
                "response_ms_sum",
                "response_count",
            ),
            "bigint",
        ),
    },
    ("wework_platform", "wework_account_status_daily"): {
        "account_id": "varchar(64)",
        "tenant_id": "varchar(64)",
        "stat_date": "date",
        "status": "varchar(16)",
        "seconds": "int",
    },
    ("wework_platform", "wework_account_statistics"): {
        "account_id": "varchar(64)",
        "tenant_id": "varchar(64)",
        "total_messages": "bigint",
        "successful_messages": "bigint",
        "failed_messages": "bigint",
        "avg_message_response_time": "decimal(12,3)",
        "message_success_rate": "decimal(5,2)",
        "online_duration_hours": "decimal(10,2)",
        "uptime_percentage": "decimal(5,2)",
    },
    ("wework_platform", "wework_account_health"): {
        "account_id": "varchar(64)",
        "tenant_id": "varchar(64)",
        "success_rate_deduction": "decimal(6,3)",
        "uptime_deduction": "decimal(6,3)",
        "error_deduction": "int",
        "heartbeat_deduction": "int",
        "health_score": "int",
    },
    ("wework_platform", "v_wework_account_overview"): {
        "id": "varchar(64)",
        "tenant_id": "varchar(64)",
        "account_name": "varchar(100)",
        "health_score": "int",
        "message_success_rate": "decimal(5,2)",
        "uptime_percentage": "decimal(5,2)",
        "total_messages": "bigint",
        "online_duration_hours": "decimal(10,2)",
        "contact_count": "bigint",
        "group_count": "bigint",
        "conversation_count": "bigint",
        "open_alerts": "bigint",
        "last_heartbeat_time": "datetime",
        "created_at": "datetime",
    },
    ("warehouse", "fct_messages"): {
        "tenant_id": "varchar(64)",
        "account_id": "varchar(64)",
        "message_date": "date",
        "response_time_ms": "int",
        "created_at": "datetime",
    },
}

Row = dict[str, Any]


def build(settings: Settings, today: date, seed: int = 1, only: Iterable[str] = ()) -> None:
    """Make the relations anew (or `only` these), with `DAYS` days up to and including today."""
    rows = make(today, seed)
    with database.begin(settings) as connection:
        audit = database.database_name(settings, "warehouse_audit")
        connection.exec_driver_sql(f"create schema if not exists {audit}")
        for (schema, name), columns in _COLUMNS.items():
            if only and name not in only:
                continue
            schema = database.database_name(settings, schema)
            connection.exec_driver_sql(f"create schema if not exists {schema}")
            connection.exec_driver_sql(f"drop table if exists {schema}.{name}")
            listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.exec_driver_sql(f"create table {schema}.{name} ({listed})")
            table = sa.table(name, *(sa.column(c) for c in columns), schema=schema)
            connection.execute(sa.insert(table), rows[name])


def damage(settings: Settings, statements: Iterable[str]) -> None:
    """Run statements; `{wework}` and `{warehouse}` in them become the databases' names."""
    names = {
        "wework": database.database_name(settings, "wework_platform"),
        "warehouse": database.database_name(settings, "warehouse"),
    }
    with database.begin(settings) as connection:
        for statement in statements:
            assert connection.exec_driver_sql(statement.format(**names)).rowcount, statement


def make(today: date, seed: int) -> dict[str, list[Row]]:
    """The relations' rows, by name."""
    rng = random.Random(seed)
    accounts = [
        (f"{tenant}-{n}", tenant, rng.choice((0.5, 1, 2)))
        for tenant, count in ACCOUNTS.items()
        for n in range(count)
    ]
    daily, statuses, usage = [], [], []
    for ago in range(DAYS, -1, -1):
        day = today - timedelta(days=ago)
        # as_of may be any moment: the running day is far from full
        share = WEEK[day.weekday()] * (0.1 if ago == 0 else 1) * (1 + (DAYS - ago) / 150)
        of_day = [_account_day(rng, a, t, day, 50 * w * share) for a, t, w in accounts]
        daily += [row for row in of_day if row["send_total"] + row["received_count"]]
        seconds = {a: rng.randint(60_000, 86_000) for a, _, _ in accounts}
        for account, tenant, _ in accounts:
            for status, spent in (
                ("ONLINE", seconds[account]),
                ("OFFLINE", 86_400 - seconds[account]),
            ):
                statuses.append(
                    {
                        "account_id": account,
                        "tenant_id": tenant,
                        "stat_date": day,
                        "status": status,
                        "seconds": spent,
                    }
                )
        usage += [_usage_day(rng, tenant, day, of_day, seconds) for tenant in ACCOUNTS]
    return {
        "wework_tenant_usage": usage,
        "wework_account_daily": daily,
        "wework_message_daily": [row for of_day in daily for row in _message_days(of_day)],
        "wework_account_status_daily": statuses,
        "wework_account_statistics": [_figures(a, t, daily, statuses) for a, t, _ in accounts],
        "wework_account_health": [_health(rng, a, t) for a, t, _ in accounts],
        "v_wework_account_overview": [_overview(rng, a, t, today) for a, t, _ in accounts],
        "fct_messages": _messages(rng, accounts, today),
    }


def _around(rng: random.Random, mean: float) -> int:
    return max(0, round(rng.gauss(mean, mean**0.5)))


def _account_day(rng: random.Random, account: str, tenant: str, day: date, mean: float) -> Row:
    mean = 0 if tenant == "tenant-silent" else mean
    send = _around(rng, mean)
    failed = sum(rng.random() < 0.03 for _ in range(send))
    recalled = min(send - failed, rng.randint(0, 1))
    sent = send - failed - recalled
    delivered = round(sent * rng.uniform(0.8, 0.95))
    return {
        "account_id": account,
        "tenant_id": tenant,
        "stat_date": day,
        "send_total": send,
        "sent_count": sent,
        "delivered_count": delivered,
        "read_count": round(delivered * rng.uniform(0.6, 0.7)),
        "failed_count": failed,
        "recalled_count": recalled,
        "pending_count": 0,
        "received_count": _around(rng, mean * 1.2),
        "response_ms_sum": sum(round(rng.lognormvariate(5.8, 0.8)) for _ in range(sent)),
        "response_count": sent,
    }


def _message_days(of_day: Row) -> list[Row]:
    """The messages of an account's day, all of one type; only what was sent is answered."""
    counted = {
        "read": of_day["sent_count"],
        "failed": of_day["failed_count"],
        "recalled": of_day["recalled_count"],
        "pending": of_day["received_count"],
    }
    return [
        {
            **{key: of_day[key] for key in ("tenant_id", "account_id", "stat_date")},
            "direction": "receive" if status == "pending" else "send",
            "message_type": "text",
            "send_status": status,
            "message_count": count,
            "processing_ms_sum": 40 * count,
            "processing_count": count,
            "response_ms_sum": of_day["response_ms_sum"] if status == "read" else 0,
            "response_count": count if status == "read" else 0,
        }
        for status, count in counted.items()
        if count
    ]


def _usage_day(
    rng: random.Random, tenant: str, day: date, of_day: list[Row], seconds: dict[str, int]
) -> Row:
    own = [row for row in of_day if row["tenant_id"] == tenant]
    total = {key: sum(row[key] for row in own) for key in own[0] if key not in _KEYS}
    messages = total["send_total"] + total["received_count"]
    alerts = rng.randint(0, 3)
    return {
        "tenant_id": tenant,
        "stat_date": day,
        "total_accounts": len(own),
        "online_accounts": len(own) - rng.randint(0, 1),
        "active_accounts": sum(row["send_total"] > 0 for row in own),
        "total_messages": messages,
        "sent_messages": total["send_total"],
        "received_messages": total["received_count"],
        "failed_messages": total["failed_count"],
        "total_contacts": 500,
        "new_contacts": rng.randint(0, 4),
        "active_contacts": messages // 5,
        "total_groups": 30,
        "active_groups": messages // 30,
        "group_messages": messages // 10,
        "total_alerts": alerts,
        "critical_alerts": rng.randint(0, alerts),
        "resolved_alerts": rng.randint(0, 3),
        "avg_response_time": (
            round(total["response_ms_sum"] / 1000 / total["response_count"], 3)
            if total["response_count"]
            else None
        ),
        "message_success_rate": (
            round(100 * total["sent_count"] / total["send_total"], 2)
            if total["send_total"]
            else None
        ),
        "uptime_percentage": round(
            sum(100 * seconds[row["account_id"]] / 86_400 for row in own) / len(own), 2
        ),
    }


_KEYS = ("account_id", "tenant_id", "stat_date")


def _figures(account: str, tenant: str, daily: list[Row], statuses: list[Row]) -> Row:
    """Of the account's whole life, which these days are."""
    own = [row for row in daily if row["account_id"] == account]
    seconds = [
        row["seconds"]
        for row in statuses
        if row["account_id"] == account and row["status"] == "ONLINE"
    ]
    sent, sends = (sum(row[key] for row in own) for key in ("sent_count", "send_total"))
    answered = sum(row["response_count"] for row in own)
    return {
        "account_id": account,
        "tenant_id": tenant,
        "total_messages": sends + sum(row["received_count"] for row in own),
        "successful_messages": sent,
        "failed_messages": sum(row["failed_count"] for row in own),
        "avg_message_response_time": (
            round(sum(row["response_ms_sum"] for row in own) / 1000 / answered, 3)
            if answered
            else None
        ),
        "message_success_rate": round(100 * sent / sends, 2) if sends else None,
        "online_duration_hours": round(sum(seconds) / 3600, 2),
        "uptime_percentage": round(100 * sum(seconds) / (86_400 * len(seconds)), 2),
    }


def _health(rng: random.Random, account: str, tenant: str) -> Row:
    rate, uptime = round(rng.uniform(0, 3), 3), round(rng.uniform(0, 9), 3)
    errors, heartbeat = 2 * rng.randint(0, 5), rng.choice((0, 10))
    return {
        "account_id": account,
        "tenant_id": tenant,
        "success_rate_deduction": rate,
        "uptime_deduction": uptime,
        "error_deduction": errors,
        "heartbeat_deduction": heartbeat,
        "health_score": round(100 - rate - uptime - errors - heartbeat),
    }


def _overview(rng: random.Random, account: str, tenant: str, today: date) -> Row:
    return {
        "id": account,
        "tenant_id": tenant,
        "account_name": MARKER,
        "health_score": rng.randint(40, 100),
        "message_success_rate": round(rng.uniform(90, 100), 2),
        "uptime_percentage": round(rng.uniform(70, 100), 2),
        "total_messages": rng.randint(0, 9999),
        "online_duration_hours": round(rng.uniform(0, 900), 2),
        "contact_count": rng.randint(0, 99),
        "group_count": rng.randint(0, 9),
        "conversation_count": rng.randint(0, 99),
        "open_alerts": rng.randint(0, 2),
        "last_heartbeat_time": datetime.combine(today, time(0, 1)),
        "created_at": datetime.combine(today - timedelta(days=DAYS + 1), time(9)),
    }


def _messages(rng: random.Random, accounts: list[tuple[str, str, float]], today: date) -> list[Row]:
    hours = [*range(24)]
    weights = [1] * 7 + [4, 8] + [12] * 9 + [6] * 5 + [2]
    rows = []
    for _ in range(1500):
        account, tenant, _ = rng.choice(accounts)
        day = today - timedelta(days=rng.randint(1, 7))
        at = time(rng.choices(hours, weights)[0], rng.randint(0, 59))
        rows.append(
            {
                "tenant_id": tenant,
                "account_id": account,
                "message_date": day,
                "response_time_ms": rng.choice((None, 100, 900, 60_000)),
                "created_at": datetime.combine(day, at),
            }
        )
    return rows
