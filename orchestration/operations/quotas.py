"""Whether a tenant may use more of a resource: its contract's limits held against the sources.

What counts is what `saas_quota_usage_realtime` shows, but of this moment: that table is an hour old
at times and is never read here. A resource with several periods is within its quota when it is
within all of its limits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.record import load_record
from orchestration.settings import Settings

GIB = 2**30
WENT_OUT = ("sent", "delivered")
PLAIN_NUMBER = "^-?[0-9]+([.][0-9]+)?$"
Conditions = Sequence[sa.ColumnElement[bool]]


@dataclass(frozen=True)
class Source:
    """Rows that use a resource: which of a table's, how much each (else 1), and when."""

    table: str
    where: Callable[[sa.Table, datetime], Conditions] = lambda _table, _now: ()
    amount: Callable[[sa.Table, str], sa.ColumnElement[Any]] = lambda _table, _dialect: _ONE
    moment: str = "created_at"
    # the largest count of one of these stands for the tenant
    largest_of: str | None = None


@dataclass(frozen=True)
class Resource:
    """A line of the table below: the quota's columns by period, and what uses it.

    A flow counts what happened in the period; a stock is what is there now, its period is `day`.
    """

    limits: Mapping[str, str]
    sources: tuple[Source, ...]
    is_flow: bool = False
    # how many of what the sources count make one of what the limit counts
    units: int = 1


@dataclass(frozen=True)
class Standing:
    """Usage before the amount and the limit, both in whole numbers as the usage table has them.

    `over` is how far usage and amount together go beyond the limit, exactly.
    """

    period: str
    usage: int
    limit: int
    over: Decimal


@dataclass(frozen=True)
class QuotaCheck:
    """The answer. Usage, limit and period are those of the tightest limit; None without any.

    `outcome` is within, unlimited (the contract sets no limit), refused, overage or upgrade.
    The overage is what this amount adds beyond the limit, so that nothing is charged twice; its
    price is None where the contract has no rate.
    """

    tenant_id: str
    resource: str
    amount: Decimal
    as_of: datetime
    allowed: bool
    outcome: str
    policy: str
    usage: int | None
    limit: int | None
    period: str | None
    overage: Decimal
    overage_price_cny: Decimal | None
    limits: tuple[Standing, ...]

    def summary(self) -> str:
        """For people: a sentence."""
        answer = "allowed" if self.allowed else "refused"
        said = {
            "within": "",
            "unlimited": ": its contract sets no limit",
            "refused": ": beyond the limit, and its contract blocks",
            "overage": f": {self.overage} beyond the limit, at {self._price()}",
            "upgrade": ": beyond the limit, an upgrade of the plan is required",
        }[self.outcome]
        used = "" if self.limit is None else f" ({self.usage} of {self.limit} used, {self.period})"
        return f"{answer}: {self.resource} +{self.amount} for {self.tenant_id}{used}{said}."

    def to_json(self) -> str:
        """The same for programs."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    def _price(self) -> str:
        return (
            "no agreed rate" if self.overage_price_cny is None else f"{self.overage_price_cny} CNY"
        )


_ONE = sa.literal_column("1")


def _rows(table: str, **more: Any) -> tuple[Source, ...]:
    return (Source(table, **more),)


def _went_out(*kinds: str) -> tuple[Source, ...]:
    return _rows(
        "saas_message_logs",
        where=lambda t, _: (t.c.status.in_(WENT_OUT), t.c.message_type.in_(kinds)),
    )


def _stock(name: str, sources: tuple[Source, ...], units: int = 1) -> Resource:
    return Resource({"day": f"max_{name}"}, sources, units=units)


def _flow(limits: Mapping[str, str], *sources: Source) -> Resource:
    return Resource(limits, sources, is_flow=True)


RESOURCES: Mapping[str, Resource] = {
    "api_calls": _flow(
        {period: f"max_api_calls_per_{period}" for period in ("minute", "hour", "day", "month")},
        Source("ai_call_logs"),
        Source("saas_unified_audit_logs", where=lambda t, _: (t.c.operator_type == "api",)),
    ),
    "wework_messages": _flow(
        {"day": "max_daily_wework_messages", "month": "max_monthly_wework_messages"},
        Source(
            "wework_message_records",
            where=lambda t, _: (
                t.c.direction == "send",
                t.c.send_status.in_((*WENT_OUT, "read")),
            ),
        ),
    ),
    "wework_alerts": _flow({"day": "max_wework_alerts_per_day"}, Source("wework_account_alerts")),
    "ai_conversations": _flow({"day": "max_ai_conversations_per_day"}, Source("ai_conversations")),
    "ai_tokens": _flow(
        {"day": "max_ai_tokens_per_day"},
        Source("ai_call_logs", amount=lambda t, dialect: _total(t.c.tokens, dialect)),
    ),
    "alerts": _flow({"day": "max_alerts_per_day"}, Source("saas_unified_alerts")),
    "notifications": _flow(
        {"day": "max_notifications_per_day"},
        Source("saas_notifications", amount=lambda t, _: t.c.sent_count, moment="sent_at"),
        Source(
            "saas_message_logs",
            where=lambda t, _: (t.c.status.in_(WENT_OUT), t.c.notification_id.is_(None)),
        ),
    ),
    "email": _flow({"day": "max_email_per_day"}, *_went_out("email")),
    "sms": _flow({"day": "max_sms_per_day"}, *_went_out("sms")),
    "users": _stock(
        "users",
        _rows(
            "saas_users",
            where=lambda t, now: (
                sa.func.coalesce(t.c.status, "active") != "deleted",
                _is_later(t.c.deleted_at, now),
            ),
        ),
    ),
    "roles": _stock("roles", _rows("saas_roles")),
    "api_keys": _stock(
        "api_keys", _rows("saas_api_keys", where=lambda t, _: (t.c.status == "active",))
    ),
    "storage_gb": _stock(
        "storage_gb",
        _rows(
            "saas_files",
            where=lambda t, now: (
                sa.func.coalesce(t.c.is_temporary, sa.false()) == sa.false(),
                _is_later(t.c.deleted_at, now),
            ),
            amount=lambda t, _: t.c.file_size,
        ),
        units=GIB,
    ),
    "wework_accounts": _stock("wework_accounts", _rows("wework_accounts")),
    "online_wework_accounts": _stock(
        "online_wework_accounts",
        _rows("wework_accounts", where=lambda t, _: (t.c.status == "ONLINE",)),
    ),
    "wework_monitor_rules": _stock("wework_monitor_rules", _rows("wework_account_monitor_rules")),
    "monitor_rules": _stock("monitor_rules", _rows("saas_monitor_rules")),
    "ai_agents": _stock(
        "ai_agents",
        _rows(
            "ai_agents",
            where=lambda t, _: (sa.func.coalesce(t.c.status, "draft") != "archived",),
        ),
    ),
    "ai_platforms": _stock("ai_platforms", _rows("ai_platforms")),
    "ai_knowledge_bases": _stock("ai_knowledge_bases", _rows("ai_knowledge_bases")),
    "ai_tools": _stock("ai_tools", _rows("ai_tools")),
    "health_patients": _stock(
        "health_patients",
        _rows(
            "health_patients",
            where=lambda t, _: (sa.func.coalesce(t.c.status, "active") != "archived",),
        ),
    ),
    "health_devices": _stock("health_devices", _rows("health_devices")),
    "health_records_per_patient": _stock(
        "health_records_per_patient", _rows("health_records", largest_of="patient_id")
    ),
    "concurrent_sessions": _stock(
        "concurrent_sessions",
        _rows(
            "saas_user_sessions",
            where=lambda t, now: (t.c.status == "active", t.c.expires_at > now),
            largest_of="user_id",
        ),
    ),
}
# Limits that are held where the thing is done; no table says how much of them is used.
NOT_MEASURED = ("file_size_mb", "batch_size", "export_records", "alert_channels")


def check_tenant_quota(
    settings: Settings, tenant: str, resource: str, amount: int | Decimal = 1
) -> QuotaCheck:
    """Whether `tenant` (id or code) may use `amount` more of `resource`; nothing is changed.

    WarehouseError for an unknown tenant or resource, one that is not measured, an amount that
    cannot be, and a contract that is not in force.
    """
    asked, wanted = _resource(settings, resource), _amount(resource, amount)
    now = clock.now(settings)
    with database.connect(settings, read_only=True) as connection:
        quota = _quota_in_force(settings, connection, tenant, now.date())
        limits = {
            period: quota[column]
            for period, column in asked.limits.items()
            if quota[column] is not None
        }
        used = _used(settings, connection, asked, tuple(limits), quota["tenant_id"], now)
    return decide(quota, resource, wanted, limits, used, now)


def decide(
    quota: Mapping[str, Any],
    resource: str,
    amount: Decimal,
    limits: Mapping[str, int | Decimal],
    used: Mapping[str, int],
    now: datetime,
) -> QuotaCheck:
    """The answer from usage and limits by period. Exact figures decide, whole ones are shown."""
    units = RESOURCES[resource].units
    exact = {
        period: Fraction(used[period], units) + Fraction(amount) - Fraction(limit)
        for period, limit in limits.items()
    }
    policy, over, overage, price = quota["overage_policy"], Fraction(0), Fraction(0), None
    tightest = max(exact, key=exact.__getitem__, default=None)
    if tightest is not None:
        over = max(exact[tightest], over)
        overage = min(over, Fraction(amount))
    if tightest is None:
        outcome = "unlimited"
    elif not over:
        outcome = "within"
    else:
        outcome = {"allow_overage": "overage", "auto_upgrade": "upgrade"}.get(policy, "refused")
    if outcome == "overage" and quota["overage_rate"] is not None:
        price = _rounded(overage * Fraction(quota["overage_rate"]), 4)
    standings = {
        period: Standing(
            period,
            -(-used[period] // units),
            int(Decimal(limit).to_integral_value(ROUND_FLOOR)),
            _plain(max(exact[period], Fraction(0))),
        )
        for period, limit in limits.items()
    }
    shown = standings.get(tightest) if tightest else None
    return QuotaCheck(
        quota["tenant_id"],
        resource,
        amount,
        now,
        outcome != "refused",
        outcome,
        policy,
        shown.usage if shown else None,
        shown.limit if shown else None,
        tightest,
        _plain(overage),
        price,
        tuple(standings.values()),
    )


def window(now: datetime, period: str) -> tuple[datetime, datetime]:
    """The calendar minute, hour, day or month of `now`, half-open."""
    start = now.replace(second=0, microsecond=0)
    if period == "minute":
        return start, start + timedelta(minutes=1)
    start = start.replace(minute=0)
    if period == "hour":
        return start, start + timedelta(hours=1)
    start = start.replace(hour=0)
    if period == "day":
        return start, start + timedelta(days=1)
    start = start.replace(day=1)
    return start, (start + timedelta(days=31)).replace(day=1)


def _resource(settings: Settings, name: str) -> Resource:
    if name in NOT_MEASURED:
        raise WarehouseError(
            f"{name} is not measured: its limit is held where the thing is done.",
            fix=f"compare with max_{name} in saas_tenant_quotas there.",
        )
    if name not in RESOURCES:
        raise WarehouseError(
            f"Unknown resource {name!r}.", fix=f"choose one of: {', '.join(RESOURCES)}."
        )
    resource = RESOURCES[name]
    domains = {
        source.table: load_record().table(source.table).domain for source in resource.sources
    }
    missing = {domain for domain in ("core", *domains.values()) if domain not in settings.domains}
    if missing:
        raise WarehouseError(
            f"{name} cannot be counted: the domain {', '.join(sorted(missing))} is switched off.",
            fix="add it to WAREHOUSE_DOMAINS.",
        )
    return resource


def _amount(resource: str, amount: int | Decimal) -> Decimal:
    wanted = Decimal(amount)
    if not wanted.is_finite() or wanted < 0:
        raise WarehouseError(
            f"The amount {amount} is no amount to use.", fix="give 0 or a number above it."
        )
    if RESOURCES[resource].units == 1 and wanted != int(wanted):
        raise WarehouseError(
            f"{resource} is counted in whole numbers, not {amount}.", fix="give a whole number."
        )
    return wanted


def _quota_in_force(
    settings: Settings, connection: sa.Connection, tenant: str, today: date
) -> dict[str, Any]:
    metadata = metadata_of(settings)
    tenants, quotas = (table_named(metadata, f"saas_{n}") for n in ("tenants", "tenant_quotas"))
    known = connection.scalar(sa.select(tenants.c.id).where(tenants.c.id == tenant))
    if known is None:
        by_code = sa.select(tenants.c.id).where(tenants.c.tenant_code == tenant)
        known = connection.scalar(by_code)
    if known is None:
        raise WarehouseError(
            f"Unknown tenant {tenant!r}.", fix="give its id or tenant_code as in saas_tenants."
        )
    found = connection.execute(sa.select(quotas).where(quotas.c.tenant_id == known)).mappings()
    quota = found.one_or_none()
    if quota is None:
        raise WarehouseError(
            f"The tenant {tenant} has no contract: nothing says what it may use.",
            fix="add its row in saas_tenant_quotas.",
        )
    first, last = quota["effective_from"], quota["effective_to"]
    if today < first or (last is not None and today > last):
        raise WarehouseError(
            f"The contract of the tenant {tenant} is not in force on {today}: it holds from {first}"
            f"{f' to {last}' if last else ''}.",
            fix="renew it in saas_tenant_quotas (effective_from, effective_to).",
        )
    return dict(quota)


def _used(
    settings: Settings,
    connection: sa.Connection,
    resource: Resource,
    periods: Sequence[str],
    tenant_id: str,
    now: datetime,
) -> dict[str, int]:
    """What the sources say, by period; each is read once, for the longest period."""
    used = dict.fromkeys(periods, 0)
    for source in resource.sources if periods else ():
        table = table_named(metadata_of(settings), source.table)
        amount = source.amount(table, settings.dialect)
        mine = [table.c.tenant_id == tenant_id, *source.where(table, now)]
        sums = [sa.func.sum(amount)] * len(periods)
        if resource.is_flow:
            moment, windows = table.c[source.moment], [window(now, p) for p in periods]
            mine += [
                moment >= min(start for start, _ in windows),
                moment < max(end for _, end in windows),
            ]
            sums = [
                sa.func.sum(sa.case((sa.and_(moment >= start, moment < end), amount), else_=0))
                for start, end in windows
            ]
        counted = sa.select(*(s.label(p) for s, p in zip(sums, periods, strict=True))).where(*mine)
        if source.largest_of:
            each = counted.group_by(table.c[source.largest_of]).subquery()
            counted = sa.select(*(sa.func.max(each.c[period]) for period in periods))
        for period, value in zip(periods, connection.execute(counted).one(), strict=True):
            used[period] += int(value or 0)
    return used


def _is_later(moment: sa.ColumnElement[Any], now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(moment.is_(None), moment > now)


def _total(document: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[Any]:
    """`$.total` of a JSON column as dbt's json_number reads it: numbers, also as text."""
    path, wide = "$.total", sa.Numeric(38, 10)
    if dialect == "mysql":
        part = sa.func.json_extract(document, path)
        kind, text = sa.func.json_type(part), sa.func.json_unquote(part)
        numbers = ("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL")
        is_text = sa.and_(kind == "STRING", sa.func.regexp_like(text, PLAIN_NUMBER))
        value = sa.case((kind.in_(numbers), sa.cast(part, wide)), (is_text, sa.cast(text, wide)))
    else:
        kind, text = sa.func.json_type(document, path), sa.func.json_extract_string(document, path)
        is_text = sa.and_(kind == "VARCHAR", sa.func.regexp_matches(text, PLAIN_NUMBER))
        is_number = kind.in_(("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"))
        value = sa.case((sa.or_(is_number, is_text), sa.try_cast(text, wide)))
    return sa.cast(value, sa.BigInteger)


def _rounded(value: Fraction, scale: int) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def _plain(value: Fraction) -> Decimal:
    """Whole numbers as such; parts of a GiB with six decimals."""
    return Decimal(value.numerator) if value.denominator == 1 else _rounded(value, 6)
