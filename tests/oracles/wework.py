"""The wework statistics tables and views computed a second time, in pandas and exact fractions.

Every function takes the raw tables (name -> frame, as generated) and returns rows by grain. Nothing
here shares a line with the models: the history is walked through change by change, and figures are
counted from the messages themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from oracles.base import DAY, Keyed, Raw, Row, half_up, midnight, ratio

SUCCESS = ("sent", "delivered", "read")


# --- states ------------------------------------------------------------------------------------


class Histories:
    """Each account's changes, in order of time and then id."""

    def __init__(self, raw: Raw) -> None:
        """Sort the history once."""
        self._changes: dict[str, list[Row]] = {}
        for row in raw.rows("wework_account_status_history"):
            self._changes.setdefault(row["account_id"], []).append(row)
        for changes in self._changes.values():
            changes.sort(key=lambda row: (row["created_at"], row["id"]))

    def of(self, account: Row) -> list[Row]:
        """The account's changes."""
        return self._changes.get(account["id"], [])

    def status_before(self, account: Row, moment: datetime) -> str | None:
        """The status at an instant; None before the account existed."""
        if account["created_at"] >= moment:
            return None
        changes = self.of(account)
        if not changes:
            return account["status"]
        earlier = [row for row in changes if row["created_at"] < moment]
        return earlier[-1]["new_status"] if earlier else changes[0]["old_status"] or "CREATED"

    def spells(self, account: Row, end: datetime) -> Iterator[tuple[datetime, datetime, str]]:
        """(from, to, status) from the account's creation to `end`, none of them empty."""
        changes = self.of(account)
        start = account["created_at"]
        status = (changes[0]["old_status"] or "CREATED") if changes else account["status"]
        for row in changes:
            moment = min(max(row["created_at"], account["created_at"]), end)
            if moment > start:
                yield start, moment, status
            start, status = max(start, moment), row["new_status"]
        if end > start:
            yield start, end, status


def by_day(start: datetime, end: datetime) -> Iterator[tuple[date, int]]:
    """The seconds of each day in [start, end)."""
    while start < end:
        midnight = datetime.combine(start.date(), time()) + DAY
        stop = min(midnight, end)
        yield start.date(), int((stop - start).total_seconds())
        start = stop


def account_status_daily(raw: Raw) -> Keyed:
    """Rows by account, day and status."""
    histories = Histories(raw)
    found: Keyed = {}
    for account in raw.rows("wework_accounts"):
        for start, end, status in histories.spells(account, raw.as_of):
            for day, seconds in by_day(start, end):
                row = found.setdefault(
                    (account["id"], day, status),
                    {"tenant_id": account["tenant_id"], "seconds": 0},
                )
                row["seconds"] += seconds
    return found


# --- messages ----------------------------------------------------------------------------------


def messages_of(raw: Raw) -> pd.DataFrame:
    """Messages up to the end of as_of's day, with their day and what they count as."""
    frame = raw.tables["wework_message_records"]
    frame = frame.assign(day=[moment.date() for moment in frame["created_at"]])
    frame = frame[frame["day"] <= raw.today]
    sent, status = frame["direction"] == "send", frame["send_status"]
    timed = frame["response_time_ms"].notna()
    group = (frame["from_type"] == "group") | (frame["to_type"] == "group")
    return frame.assign(
        sent=sent,
        received=frame["direction"] == "receive",
        succeeded=sent & status.isin(SUCCESS),
        arrived=sent & status.isin(("delivered", "read")),
        opened=sent & (status == "read"),
        failed=sent & (status == "failed"),
        recalled=sent & (status == "recalled"),
        waiting=sent & (status == "pending"),
        answered=sent & timed,
        answer_ms=[int(ms) if ok else 0 for ms, ok in zip(
            frame["response_time_ms"], sent & timed, strict=True)],
        in_group=group,
        other=[_counterpart(row) for row in frame.to_dict("records")],
    )  # fmt: skip


def _counterpart(row: Row) -> tuple[str, str, str]:
    sides = [(row["to_type"], row["to_id"]), (row["from_type"], row["from_id"])]
    groups = [side for side in sides if side[0] == "group"]
    kind, identifier = groups[0] if groups else sides[0 if row["direction"] == "send" else 1]
    return row["account_id"], kind, identifier


def account_daily(raw: Raw) -> Keyed:
    """Rows by account and day."""
    found: Keyed = {}
    for key, rows in messages_of(raw).groupby(["account_id", "day"]):
        codes = [code or "unknown" for code in rows.loc[rows["failed"], "error_code"]]
        found[key] = {
            "tenant_id": rows["tenant_id"].iloc[0],
            "send_total": int(rows["sent"].sum()),
            "sent_count": int(rows["succeeded"].sum()),
            "delivered_count": int(rows["arrived"].sum()),
            "read_count": int(rows["opened"].sum()),
            "failed_count": int(rows["failed"].sum()),
            "recalled_count": int(rows["recalled"].sum()),
            "pending_count": int(rows["waiting"].sum()),
            "received_count": int(rows["received"].sum()),
            "response_ms_sum": int(rows["answer_ms"].sum()),
            "response_count": int(rows["answered"].sum()),
            "failures_by_code": {code: codes.count(code) for code in set(codes)},
        }
    return found


def message_daily(raw: Raw) -> Keyed:
    """Rows by tenant, day, account, direction, type and send status."""
    frame = messages_of(raw)
    frame = frame.assign(state=["none" if pd.isna(one) else one for one in frame["send_status"]])
    grain = ["tenant_id", "day", "account_id", "direction", "message_type", "state"]
    return {
        key: {
            "message_count": len(rows),
            "processing_ms_sum": int(rows["processing_time_ms"].dropna().sum()),
            "processing_count": int(rows["processing_time_ms"].notna().sum()),
            "response_ms_sum": int(rows["response_time_ms"].dropna().sum()),
            "response_count": int(rows["response_time_ms"].notna().sum()),
        }
        for key, rows in frame.groupby(grain)
    }


def tenant_usage(raw: Raw) -> Keyed:
    """Rows by tenant and day."""
    accounts, histories = raw.rows("wework_accounts"), Histories(raw)
    uptimes = _uptimes(accounts, histories, raw)
    messages = dict(iter(messages_of(raw).groupby(["tenant_id", "day"])))
    changed = {
        (account["tenant_id"], row["created_at"].date(), account["id"])
        for account in accounts
        for row in histories.of(account)
    }
    found: Keyed = {}
    for tenant, start in first_days(raw).items():
        own = [account for account in accounts if account["tenant_id"] == tenant]
        contacts = _of_tenant(raw, "wework_contacts", tenant)
        groups = _of_tenant(raw, "wework_groups", tenant)
        alerts = _of_tenant(raw, "wework_account_alerts", tenant)
        for number in range((raw.today - start).days + 1):
            day = start + number * DAY
            end = datetime.combine(day, time()) + DAY
            born = [row["alert_level"] for row in alerts if row["created_at"].date() == day]
            active = {account for t, d, account in changed if (t, d) == (tenant, day)}
            found[(tenant, day)] = {
                "total_accounts": sum(account["created_at"] < end for account in own),
                "online_accounts": sum(
                    histories.status_before(account, end) == "ONLINE" for account in own
                ),
                **_message_figures(messages.get((tenant, day)), active),
                "total_contacts": sum(
                    row["status"] == "normal" and row["created_at"] < end for row in contacts
                ),
                "new_contacts": sum(row["created_at"].date() == day for row in contacts),
                "total_groups": sum(
                    row["status"] == "active" and row["created_at"] < end for row in groups
                ),
                "uptime_percentage": uptimes.get((tenant, day)),
                "total_alerts": len(born),
                "critical_alerts": born.count("critical"),
                "resolved_alerts": sum(
                    row["resolved_at"] is not None and row["resolved_at"].date() == day
                    for row in alerts
                ),
            }
    return found


def first_days(raw: Raw) -> dict[str, date]:
    """Each tenant with an account: its created day, else the day of its first account."""
    known = {row["id"]: row["created_at"].date() for row in raw.rows("saas_tenants")}
    first: dict[str, date] = {}
    for account in raw.rows("wework_accounts"):
        tenant, day = account["tenant_id"], account["created_at"].date()
        first[tenant] = known.get(tenant) or min(day, first.get(tenant, day))
    return {tenant: day for tenant, day in first.items() if day <= raw.today}


def _of_tenant(raw: Raw, table: str, tenant: str) -> list[Row]:
    return [row for row in raw.rows(table) if row["tenant_id"] == tenant]


def _uptimes(accounts: list[Row], histories: Histories, raw: Raw) -> dict[Any, Decimal]:
    shares: dict[Any, list[Fraction]] = {}
    for account in accounts:
        observed: dict[date, list[int]] = {}
        for start, end, status in histories.spells(account, raw.as_of):
            for day, seconds in by_day(start, end):
                both = observed.setdefault(day, [0, 0])
                both[0] += seconds * (status == "ONLINE")
                both[1] += seconds
        for day, (online, total) in observed.items():
            shares.setdefault((account["tenant_id"], day), []).append(Fraction(100 * online, total))
    return {key: half_up(sum(each, Fraction(0)) / len(each), 2) for key, each in shares.items()}


def _message_figures(rows: pd.DataFrame | None, active: set[str]) -> Row:
    if rows is None:
        nothing = ("total_messages", "sent_messages", "received_messages", "failed_messages")
        nothing += ("active_contacts", "active_groups", "group_messages")
        return {
            **dict.fromkeys(nothing, 0),
            "active_accounts": len(active),
            "avg_response_time": None,
            "message_success_rate": None,
        }
    others = set(rows["other"])
    sent = int(rows["sent"].sum())
    return {
        "active_accounts": len(active | set(rows["account_id"])),
        "total_messages": len(rows),
        "sent_messages": sent,
        "received_messages": int(rows["received"].sum()),
        "failed_messages": int(rows["failed"].sum()),
        "active_contacts": sum(kind == "contact" for _, kind, _ in others),
        "active_groups": sum(kind == "group" for _, kind, _ in others),
        "group_messages": int(rows["in_group"].sum()),
        "avg_response_time": ratio(
            int(rows["answer_ms"].sum()), 1000 * int(rows["answered"].sum()), 3
        ),
        "message_success_rate": ratio(100 * int(rows["succeeded"].sum()), sent, 2),
    }


# --- score -------------------------------------------------------------------------------------


def account_health(raw: Raw) -> Keyed:
    """Rows by account."""
    histories = Histories(raw)
    found: Keyed = {}
    for account in raw.rows("wework_accounts"):
        has_sent = (account["successful_messages"] or 0) + (account["failed_messages"] or 0) > 0
        success = account["message_success_rate"] if has_sent else None
        uptime = account["uptime_percentage"] if histories.of(account) else None
        seen = account["last_heartbeat_time"]
        minutes = None if seen is None else int((raw.as_of - seen).total_seconds() / 60)
        lost = [
            max(Decimal(0), Decimal("0.4") * (90 - success)) if success is not None else Decimal(0),
            max(Decimal(0), Decimal("0.3") * (95 - uptime)) if uptime is not None else Decimal(0),
            Decimal(min(2 * (account["error_count"] or 0), 20)),
            Decimal(10 if minutes is None else min(minutes, 10) if minutes > 5 else 0),
        ]
        score = min(max(100 - sum(lost, Decimal(0)), Decimal(0)), Decimal(100))
        found[(account["id"],)] = {
            "tenant_id": account["tenant_id"],
            "status": account["status"],
            "message_success_rate": success,
            "uptime_percentage": uptime,
            "error_count": account["error_count"] or 0,
            "minutes_since_heartbeat": minutes,
            "success_rate_deduction": lost[0],
            "uptime_deduction": lost[1],
            "error_deduction": lost[2],
            "heartbeat_deduction": lost[3],
            "health_score": int(score.quantize(Decimal(1), ROUND_HALF_UP)),
        }
    return found


# --- figures -----------------------------------------------------------------------------------


def account_statistics(raw: Raw) -> Keyed:
    """Rows by account."""
    histories, month_ago = Histories(raw), midnight(raw.today - 29 * DAY)
    messages = dict(iter(messages_of(raw).groupby("account_id")))
    found: Keyed = {}
    for account in raw.rows("wework_accounts"):
        online, recent = 0, [0, 0]
        for start, end, status in histories.spells(account, raw.as_of):
            seconds = int((end - start).total_seconds())
            late = max(0, int((end - max(start, month_ago)).total_seconds()))
            online += seconds * (status == "ONLINE")
            recent[0] += late * (status == "ONLINE")
            recent[1] += late
        rows = messages.get(account["id"])
        figures = {} if rows is None else _message_figures(rows, set())
        found[(account["id"],)] = {
            "tenant_id": account["tenant_id"],
            "total_messages": figures.get("total_messages", 0),
            "successful_messages": 0 if rows is None else int(rows["succeeded"].sum()),
            "failed_messages": figures.get("failed_messages", 0),
            "avg_message_response_time": figures.get("avg_response_time"),
            "message_success_rate": figures.get("message_success_rate"),
            "online_duration_hours": ratio(online, 3600, 2),
            "uptime_percentage": ratio(100 * recent[0], recent[1], 2),
        }
    return found


# --- views -------------------------------------------------------------------------------------


def account_overview(raw: Raw) -> Keyed:
    """Rows by account."""
    same = ("tenant_id", "account_name", "wework_guid", "status", "health_score", "total_messages")
    same += ("online_duration_hours", "last_heartbeat_time", "created_at")
    stocks = {
        "contact_count": ("wework_contacts", "normal"),
        "group_count": ("wework_groups", "active"),
        "conversation_count": ("wework_conversations", "active"),
        "open_alerts": ("wework_account_alerts", "open"),
    }
    counts = {}
    for name, (table, status) in stocks.items():
        frame = raw.tables[table]
        counts[name] = frame[frame["status"] == status]["account_id"].value_counts()
    return {
        (account["id"],): {
            **{name: account[name] for name in same},
            "message_success_rate": account["message_success_rate"] or Decimal(0),
            "uptime_percentage": account["uptime_percentage"] or Decimal(0),
            **{name: int(series.get(account["id"], 0)) for name, series in counts.items()},
        }
        for account in raw.rows("wework_accounts")
    }


def message_stats(raw: Raw) -> Keyed:
    """Rows by tenant, account, day, direction, type and send status, of the last 30 days."""
    frame = messages_of(raw)
    frame = frame[frame["day"] >= raw.today - timedelta(days=29)]
    grain = ["tenant_id", "account_id", "day", "direction", "message_type", "send_status"]
    return {
        tuple(None if pd.isna(part) else part for part in key): {
            "message_count": len(rows),
            "avg_processing_time": _mean_ms(rows["processing_time_ms"]),
            "avg_response_time": _mean_ms(rows["response_time_ms"]),
        }
        for key, rows in frame.groupby(grain, dropna=False)
    }


def _mean_ms(values: pd.Series) -> Decimal | None:
    measured = [int(value) for value in values if not pd.isna(value)]
    return ratio(sum(measured), len(measured), 2)
