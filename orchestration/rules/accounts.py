"""What monitor rules see of WeCom accounts: sixteen figures, each counted by the database.

A figure is NULL where it says nothing of an account as it is now, so that no alert is raised and
none is closed: the silence of one that is OFFLINE, a rate over too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration.rules.compile import Compiled
from orchestration.rules.context import Context
from orchestration.rules.grammar import Checked, conditions

Column = sa.ColumnElement[Any]
# From the connector's free wording; what else it says is not known.
NETWORK_GRADES = {"poor": 1, "fair": 2, "good": 3, "excellent": 4}
WENT_OUT = ("sent", "delivered", "read")
LOGIN_STATES = ("WAITING_QR", "WAITING_CONFIRM", "VERIFYING")
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Asked:
    """What a rule asks: of which tenant and when, since when to count, over how many at least."""

    context: Context
    since: datetime
    least: int = 1

    @property
    def accounts(self) -> Any:
        """The tenant's accounts."""
        return self.context.table("wework_accounts")

    def seconds_since(self, moment: Column) -> Column:
        """Whole seconds from a moment to the clock."""
        now = sa.literal(self.context.as_of, sa.DateTime)
        if self.context.dialect == "mysql":
            return sa.func.timestampdiff(sa.text("second"), moment, now)
        return sa.func.date_sub("second", moment, now)

    def rows(self, name: str, since: datetime | None = None) -> tuple[Any, list[Column]]:
        """A table, and which of its rows are the tenant's and not of the future."""
        table: Any = self.context.table(name)
        mine = [
            table.c.tenant_id == self.context.tenant_id,
            table.c.created_at <= self.context.as_of,
        ]
        return table, [*mine, table.c.created_at > since] if since else mine

    def each(self, table: Any, where: Sequence[Column], **figures: Column) -> sa.Subquery:
        """Aggregates of a table's rows, by account."""
        named = (figure.label(name) for name, figure in figures.items())
        return (
            sa.select(table.c.account_id, *named)
            .where(*where)
            .group_by(table.c.account_id)
            .subquery()
        )

    def latest(self, *where: Callable[[Any], Column]) -> sa.Subquery:
        """The latest status change of each account among those wanted; ties by id."""
        history, mine = self.rows("wework_account_status_history")
        newest = (history.c.created_at.desc(), history.c.id.desc())
        ranked = (
            sa.select(
                history.c.account_id,
                history.c.created_at,
                history.c.trigger_type,
                history.c.network_quality,
                sa.func.row_number()
                .over(partition_by=history.c.account_id, order_by=newest)
                .label("newest"),
            )
            .where(*mine, *(wanted(history) for wanted in where))
            .subquery()
        )
        return sa.select(ranked).where(ranked.c.newest == 1).subquery()


# the figure, and the rows by account that it needs beside the account's own
Made = tuple[Column, sa.Subquery | None]


@dataclass(frozen=True)
class Figure:
    """How a figure is made; over how many minutes unless the rule says, 0 where it is of now."""

    make: Callable[[Asked], Made]
    words: str
    window_minutes: int = 0
    # the rule's key for the least number that a rate or mean is taken over
    least: str | None = None


def compile_for_accounts(rule: Checked, context: Context, minutes: int, least: int) -> Compiled:
    """A rule on one figure of a tenant's accounts, counted over the last `minutes`."""
    (condition,) = conditions(rule)
    asked = Asked(context, context.as_of - timedelta(minutes=minutes), least)
    accounts = asked.accounts
    column, beside = FIGURES[condition.field.name].make(asked)
    source: sa.FromClause = accounts
    if beside is not None:
        source = accounts.outerjoin(beside, beside.c.account_id == accounts.c.id)
    columns = {condition.field.name: column, "account_name": accounts.c.account_name}
    of_tenant = accounts.c.tenant_id == context.tenant_id
    return Compiled(rule, accounts.c.id, source, of_tenant, columns, context)


def _silence(asked: Asked) -> Made:
    """Since the last heartbeat, or since it went ONLINE when there was none; only while ONLINE."""
    accounts, change = asked.accounts, asked.latest()
    seen = sa.func.coalesce(
        accounts.c.last_heartbeat_time, change.c.created_at, accounts.c.created_at
    )
    return sa.case((accounts.c.status == "ONLINE", asked.seconds_since(seen))), change


def _offline(asked: Asked) -> Made:
    """Since it was ONLINE, whatever was tried meanwhile; switched off by hand is no fault."""
    accounts, left = asked.accounts, asked.latest(lambda history: history.c.old_status == "ONLINE")
    seconds = sa.case(
        (sa.or_(accounts.c.status == "ONLINE", left.c.trigger_type == "MANUAL"), 0),
        else_=asked.seconds_since(left.c.created_at),
    )
    return seconds, left


def _in_states(*states: str) -> Callable[[Asked], Made]:
    """Since it came into one of these states; an ERROR leaves open what came of it."""

    def seconds(asked: Asked) -> Made:
        accounts, change = asked.accounts, asked.latest()
        began = sa.func.coalesce(change.c.created_at, accounts.c.created_at)
        return (
            sa.case(
                (accounts.c.status.in_(states), asked.seconds_since(began)),
                (accounts.c.status != "ERROR", 0),
            ),
            change,
        )

    return seconds


def _qr_expired(asked: Asked) -> Made:
    """Since the code ran out that somebody should scan."""
    accounts = asked.accounts
    expired = asked.seconds_since(accounts.c.qr_code_expires_at)
    return sa.case((accounts.c.status == "WAITING_QR", expired), else_=0), None


def _retries_left(asked: Asked) -> Made:
    accounts = asked.accounts
    return accounts.c.max_retry_count - sa.func.coalesce(accounts.c.retry_count, 0), None


def _health_score(asked: Asked) -> Made:
    return asked.accounts.c.health_score, None


def _network_grade(asked: Asked) -> Made:
    """The grade at the latest status change that has one."""
    change = asked.latest(lambda history: history.c.network_quality.is_not(None))
    return sa.case(NETWORK_GRADES, value=change.c.network_quality), change


def _changes(wanted: Callable[[Any], Column]) -> Callable[[Asked], Made]:
    def count(asked: Asked) -> Made:
        history, mine = asked.rows("wework_account_status_history", asked.since)
        found = asked.each(history, [*mine, wanted(history)], n=sa.func.count())
        return sa.func.coalesce(found.c.n, 0), found

    return count


def _sends(asked: Asked, of: Callable[[Any], Column], scale: int) -> Made:
    """The mean of what is known of the window's sent messages, times `scale`."""
    messages, mine = asked.rows("wework_message_records", asked.since)
    value = of(messages)
    found = asked.each(
        messages,
        [*mine, messages.c.direction == "send"],
        total=sa.func.sum(value),
        n=sa.func.count(value),
    )
    return _mean(found, scale, asked.least), found


def _success_rate(asked: Asked) -> Made:
    return _sends(asked, lambda m: sa.case((m.c.send_status.in_(WENT_OUT), 1), else_=0), 100)


def _callback_errors(asked: Asked) -> Made:
    """Failed or timed out, among the callbacks that were to be handled."""
    calls, mine = asked.rows("wework_callback_logs", asked.since)
    failed = sa.case((calls.c.processing_status.in_(("failed", "timeout")), 1), else_=0)
    found = asked.each(
        calls,
        [*mine, calls.c.processing_status != "ignored"],
        total=sa.func.sum(failed),
        n=sa.func.count(),
    )
    return _mean(found, 100, asked.least), found


def _mean(found: sa.Subquery, scale: int, least: int) -> Column:
    """As a double, which both engines round alike; NULL over fewer than `least`."""
    total = sa.cast(found.c.total * scale, sa.Double)
    return sa.case((found.c.n >= least, total / found.c.n))


def _messages_left(asked: Asked) -> Made:
    """What the hour's and the day's limit still allow, whichever is less."""
    accounts, now = asked.accounts, asked.context.as_of
    midnight, hour_ago = datetime.combine(asked.context.today, time()), now - HOUR
    first = min(midnight - timedelta(seconds=1), hour_ago)
    messages, mine = asked.rows("wework_message_records", first)
    out = [*mine, messages.c.direction == "send", messages.c.send_status.in_(WENT_OUT)]
    found = asked.each(
        messages,
        out,
        hour=sa.func.sum(sa.case((messages.c.created_at > hour_ago, 1), else_=0)),
        day=sa.func.sum(sa.case((messages.c.created_at >= midnight, 1), else_=0)),
    )
    hourly = accounts.c.hourly_message_limit - sa.func.coalesce(found.c.hour, 0)
    daily = accounts.c.daily_message_limit - sa.func.coalesce(found.c.day, 0)
    left = sa.func.least(sa.func.coalesce(hourly, daily), sa.func.coalesce(daily, hourly))
    return left, found


def _unread(asked: Asked) -> Made:
    conversations: Any = asked.context.table("wework_conversations")
    found = asked.each(
        conversations,
        [conversations.c.tenant_id == asked.context.tenant_id],
        n=sa.func.sum(conversations.c.unread_count),
    )
    return sa.func.coalesce(found.c.n, 0), found


def _login_failed(history: Any) -> Column:
    return sa.and_(
        history.c.old_status.in_(LOGIN_STATES), history.c.new_status.in_(("OFFLINE", "ERROR"))
    )


FIGURES: Mapping[str, Figure] = {
    "silence_seconds": Figure(
        _silence, "Since the last heartbeat, while ONLINE; never seen, since it is ONLINE."
    ),
    "offline_seconds": Figure(
        _offline, "Since it was ONLINE last; 0 when it is, or was switched off by hand."
    ),
    "recovering_seconds": Figure(_in_states("RECOVERING"), "Since it is RECOVERING, else 0."),
    "verifying_seconds": Figure(
        _in_states("WAITING_CONFIRM", "VERIFYING"),
        "Since it is in WAITING_CONFIRM or VERIFYING, else 0.",
    ),
    "qr_expired_seconds": Figure(
        _qr_expired, "Since the code ran out that an account in WAITING_QR shows."
    ),
    "retries_left": Figure(_retries_left, "Reconnect attempts still allowed in a row."),
    "health_score": Figure(_health_score, "The account's score, 0 to 100."),
    "network_grade": Figure(
        _network_grade, "At the latest status change: 1 poor, 2 fair, 3 good, 4 excellent."
    ),
    "failed_logins": Figure(
        _changes(_login_failed), "Logins that ended OFFLINE or in ERROR within the window.", 1440
    ),
    "errors": Figure(
        _changes(lambda history: history.c.new_status == "ERROR"),
        "Times that it fell into ERROR within the window.",
        60,
    ),
    "success_rate_pct": Figure(
        _success_rate, "Sent messages of the window that went out, in percent.", 60, "min_messages"
    ),
    "response_ms": Figure(
        lambda asked: _sends(asked, lambda m: m.c.response_time_ms, 1),
        "Mean time until WeCom answered the window's sent messages.",
        60,
        "min_messages",
    ),
    "processing_ms": Figure(
        lambda asked: _sends(asked, lambda m: m.c.processing_time_ms, 1),
        "Mean time that the platform needed for the window's sent messages.",
        60,
        "min_messages",
    ),
    "callback_error_pct": Figure(
        _callback_errors,
        "The window's callbacks that failed or timed out, in percent; ignored ones do not count.",
        60,
        "min_callbacks",
    ),
    "messages_left": Figure(
        _messages_left, "What the hour's and the day's message limit still allow, the less of both."
    ),
    "unread_messages": Figure(_unread, "Unread messages of all its conversations."),
}
