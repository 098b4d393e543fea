"""The overview pages: what of the marts stands on each, for one tenant or for all.

A page is tiles and panels, a panel a small table of figures and the way it is drawn. Nothing here
tells of fewer than five people: such cells are None.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.reports.queries import Marts, Row, col, count_if, percent, ratio
from orchestration.settings import Settings

Kind = Literal["lines", "areas", "bars", "heat", "funnel", "table"]
DAY = timedelta(days=1)
EXECUTIVE = "executive"
# How far back a line reaches; a month's tiles need twice thirty days.
TREND_DAYS, RECENT_DAYS = 90, 30
SMALLEST_CELL = 5
MOST_ROWS = 12
STATES = ("ONLINE", "OFFLINE", "ERROR")
# All that the pages read, for who wants to know what stands behind them.
READS = (
    "core_business_platform.service_order_funnel_daily",
    "core_business_platform.v_campaign_performance",
    "customer_management.v_segment_statistics",
    "health_management.health_device_performance",
    "saas_unified_core.saas_quota_usage_realtime",
    "saas_unified_core.saas_security_daily",
    "warehouse.agent_scorecard",
    "warehouse.customer_cohort_retention",
    "warehouse.customer_rfm",
    "warehouse.dim_customers",
    "warehouse.dim_tenants",
    "warehouse.executive_summary_daily",
    "warehouse.fct_ai_calls",
    "warehouse.fct_alerts",
    "warehouse.fct_health_alerts",
    "warehouse.fct_messages",
    "warehouse.fct_order_items",
    "warehouse.fct_orders",
    "warehouse.fct_vital_signs",
    "warehouse.fct_wework_alerts",
    "warehouse.segment_overlap",
    "warehouse.tenant_daily",
    "wework_platform.wework_account_status_daily",
)
ORDER_STEPS = ("placed", "paid", "confirmed", "assigned", "started", "completed")


@dataclass(frozen=True)
class Tile:
    """A figure of the last 7 and 30 closed days, each beside as many days before."""

    name: str
    week: Any
    week_before: Any
    month: Any
    month_before: Any

    @property
    def week_change_pct(self) -> Decimal | None:
        """Against the seven days before; None where these had nothing."""
        return percent(self.week - self.week_before, self.week_before)

    @property
    def month_change_pct(self) -> Decimal | None:
        """Against the thirty days before; None where these had nothing."""
        return percent(self.month - self.month_before, self.month_before)


@dataclass(frozen=True)
class Panel:
    """Rows of a name and figures. `codes` and `column_codes` say whose labels the names have."""

    name: str
    kind: Kind
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    codes: tuple[str, str] | None = None
    column_codes: tuple[str, str] | None = None


@dataclass(frozen=True)
class Overview:
    """One page, as of an instant; `last` is the last closed business day."""

    domain: str
    tenant_id: str | None
    as_of: datetime
    last: date
    tiles: tuple[Tile, ...]
    panels: tuple[Panel, ...]

    def to_json(self) -> str:
        """For programs; equal on both engines, byte for byte."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    def summary(self) -> str:
        """For people: a line a tile, then how much stands in each panel."""
        lines = [f"{self.domain}, {self.tenant_id or 'all tenants'}, until {self.last}:"]
        lines += [f"  {t.name}: {t.week:,} in 7 days, {t.month:,} in 30" for t in self.tiles]
        lines += [f"  {panel.name}: {len(panel.rows)} rows" for panel in self.panels]
        return "\n".join(lines)


def overviews(
    settings: Settings, domains: Sequence[str], tenant: str | None = None
) -> list[Overview]:
    """A page each of EXECUTIVE or domains; `tenant` is an id or a code."""
    now = clock.now(settings)
    # a day is closed when its last second is over
    last = (now + timedelta(seconds=1)).date() - DAY
    pages = []
    with database.connect(settings, read_only=True) as connection:
        marts = Marts(connection, settings)
        if tenant:
            marts = Marts(connection, settings, marts.tenant(tenant))
        for domain in domains:
            tiles, panels = PAGES[domain]
            pages.append(
                Overview(
                    domain=domain,
                    tenant_id=marts.tenant_id,
                    as_of=now,
                    last=last,
                    tiles=tuple(_tiles(marts, tiles, last)),
                    panels=tuple(panel(marts, last) for panel in panels),
                )
            )
    return pages


# --- the days of the platform --------------------------------------------------------------------


def _daily(marts: Marts, columns: Sequence[str], last: date, days: int) -> list[Row]:
    """Rows of (day, figure, …) without gaps: of all tenants, or of one."""
    relation = "warehouse.tenant_daily" if marts.tenant_id else "warehouse.executive_summary_daily"
    found = marts.rows(
        relation,
        {"stat_date": col("stat_date")},
        {name: sa.func.coalesce(sa.func.sum(col(name)), 0) for name in columns},
        _between(last, days),
        has_tenant=bool(marts.tenant_id),
    )
    return _every_day(found, last, days, len(columns))


def _between(last: date, days: int, column: str = "stat_date") -> list[Any]:
    return [col(column) > last - days * DAY, col(column) <= last]


def _every_day(rows: Sequence[Row], last: date, days: int, figures: int) -> list[Row]:
    known = {row[0]: row for row in rows}
    wanted = [last - n * DAY for n in reversed(range(days))]
    return [known.get(day, (day, *[0] * figures)) for day in wanted]


def _tiles(marts: Marts, names: Sequence[str], last: date) -> list[Tile]:
    if not names:
        return []
    rows = _daily(marts, names, last, 60)
    tiles = []
    for place, name in enumerate(names, start=1):
        figures = [row[place] for row in rows]
        tiles.append(
            Tile(
                name, sum(figures[-7:]), sum(figures[-14:-7]), sum(figures[-30:]), sum(figures[:30])
            )
        )
    return tiles


def _trend(name: str, *columns: str) -> Callable[[Marts, date], Panel]:
    def panel(marts: Marts, last: date) -> Panel:
        rows = _daily(marts, columns, last, TREND_DAYS)
        return Panel(name, "lines", ("day", *columns), tuple(rows))

    return panel


# --- core ----------------------------------------------------------------------------------------


def quotas(marts: Marts, _last: date) -> Panel:
    """How much of each limit is used: the tenants nearest to one, by resource and period."""
    usage = marts.table("saas_unified_core.saas_quota_usage_realtime", "usages")
    tenants = marts.table("warehouse.dim_tenants", "tenants")
    query = (
        sa.select(
            sa.column("tenant_code", _selectable=tenants),
            sa.column("resource_type", _selectable=usage),
            sa.func.max(sa.column("usage_percentage", _selectable=usage)),
        )
        .select_from(usage.join(tenants, sa.text("usages.tenant_id = tenants.tenant_id")))
        .group_by(sa.text("1"), sa.text("2"))
    )
    if marts.tenant_id:
        query = query.where(
            sa.text("usages.tenant_id = :tenant").bindparams(tenant=marts.tenant_id)
        )
    found = {(tenant, resource): used for tenant, resource, used in marts.ask(query)}
    return _matrix("quotas", found, ("saas_quota_usage_realtime", "resource_type"), MOST_ROWS)


def _matrix(
    name: str, found: dict[tuple[Any, Any], Any], column_codes: tuple[str, str], most: int
) -> Panel:
    """Rows and columns with the greatest figures, each in its order."""

    def greatest(place: int) -> list[Any]:
        peaks: dict[Any, Any] = {}
        for key, value in found.items():
            peaks[key[place]] = max(peaks.get(key[place], Decimal(-1)), value or 0)
        return sorted(sorted(peaks, key=lambda key: (-peaks[key], str(key)))[:most])

    columns = greatest(1)
    rows = [(row, *(found.get((row, column)) for column in columns)) for row in greatest(0)]
    return Panel(name, "heat", ("tenant", *columns), tuple(rows), column_codes=column_codes)


def sign_ins(marts: Marts, last: date) -> Panel:
    """Sign-in attempts by day."""
    columns = ("successful_attempts", "failed_attempts")
    rows = marts.rows(
        "saas_unified_core.saas_security_daily",
        {"stat_date": col("stat_date")},
        {name: sa.func.sum(col(name)) for name in columns},
        _between(last, TREND_DAYS),
    )
    whole = _every_day(rows, last, TREND_DAYS, len(columns))
    return Panel("sign_ins", "lines", ("day", *columns), tuple(whole))


def alerts(marts: Marts, last: date) -> Panel:
    """Alerts of the last days by level, and what became of them."""
    rows = marts.rows(
        "warehouse.fct_alerts",
        {"alert_level": col("alert_level")},
        {
            "alerts": sa.func.count(),
            "resolved": sa.func.count(col("resolved_at")),
            "seconds": sa.func.sum(col("resolve_seconds")),
        },
        _between(last, TREND_DAYS, "alert_date"),
    )
    shown = [(level, n, done, ratio(seconds, done * 3600)) for level, n, done, seconds in rows]
    return Panel(
        "alerts_by_level",
        "bars",
        ("level", "alerts", "resolved_count", "hours_to_resolve"),
        tuple(sorted(shown, key=lambda row: (-row[1], row[0]))),
        codes=("saas_unified_alerts", "alert_level"),
    )


# --- ai ------------------------------------------------------------------------------------------


def _calls(marts: Marts, last: date) -> list[Row]:
    measures = {
        "calls": sa.func.count(),
        "failed": count_if(col("is_failed")),
        "cost": sa.func.coalesce(sa.func.sum(col("cost_cny")), 0),
        "timed": sa.func.count(col("response_seconds")),
        "took": sa.func.sum(col("response_seconds")),
    }
    days = _between(last, TREND_DAYS, "call_date")
    rows = marts.rows("warehouse.fct_ai_calls", {"call_date": col("call_date")}, measures, days)
    return _every_day(rows, last, TREND_DAYS, len(measures))


def ai_calls(marts: Marts, last: date) -> Panel:
    """Calls to platforms by day, and those that failed."""
    rows = tuple((day, calls, failed) for day, calls, failed, *_ in _calls(marts, last))
    return Panel("ai_calls", "lines", ("day", "calls", "failed_calls"), rows)


def ai_cost(marts: Marts, last: date) -> Panel:
    """What calls cost by day."""
    rows = tuple((day, cost) for day, _, _, cost, *_ in _calls(marts, last))
    return Panel("ai_cost", "lines", ("day", "cost_cny"), rows)


def ai_latency(marts: Marts, last: date) -> Panel:
    """Mean response time by day; none on a day without calls."""
    rows = tuple((day, ratio(took, timed, 3)) for day, *_, timed, took in _calls(marts, last))
    return Panel("ai_latency", "lines", ("day", "response_seconds"), rows)


def agents(marts: Marts, _last: date) -> Panel:
    """The dearest agents of the last 30 days: cost, calls, success, latency."""
    rows = marts.rows(
        "warehouse.agent_scorecard",
        {name: col(name) for name in ("agent_name", "agent_id")},
        {
            name: sa.func.max(col(name))
            for name in (
                "call_cost_cny", "calls", "call_success_rate_pct", "avg_call_response_seconds",
            )
        },
        [col("calls") > 0],
    )  # fmt: skip
    rows = sorted(rows, key=lambda row: (-row[2], row[1]))[:MOST_ROWS]
    return Panel(
        "agents",
        "bars",
        ("agent", "cost_cny", "calls", "success_pct", "response_seconds"),
        tuple((name, *figures) for name, _, *figures in rows),
    )


# --- wework --------------------------------------------------------------------------------------


def message_funnel(marts: Marts, last: date) -> Panel:
    """How far the messages of the last 30 days got, each step beside the first."""
    [row] = marts.rows(
        "warehouse.fct_messages",
        {},
        {
            "written": sa.func.count(),
            "sent": sa.func.count(col("sent_at")),
            "delivered": sa.func.count(col("delivered_at")),
            "read": sa.func.count(col("read_at")),
        },
        [col("direction") == "send", *_between(last, RECENT_DAYS, "message_date")],
    )
    return _funnel("message_funnel", ("written", "sent", "delivered", "read"), row)


def _funnel(name: str, steps: Sequence[str], figures: Row) -> Panel:
    rows = tuple((step, n, percent(n, figures[0])) for step, n in zip(steps, figures, strict=True))
    return Panel(name, "funnel", ("step", "count", "share_pct"), rows)


def account_states(marts: Marts, last: date) -> Panel:
    """Hours of all accounts by state and day."""
    hours: Counter[tuple[date, str]] = Counter()
    for day, state, seconds in marts.rows(
        "wework_platform.wework_account_status_daily",
        {"stat_date": col("stat_date"), "status": col("status")},
        {"seconds": sa.func.sum(col("seconds"))},
        _between(last, RECENT_DAYS),
    ):
        hours[day, state if state in STATES else "other_states"] += seconds
    columns = (*STATES, "other_states")
    rows = tuple(
        (day, *(ratio(hours[day, state], 3600) for state in columns))
        for day, *_ in _every_day([], last, RECENT_DAYS, 0)
    )
    return Panel(
        "account_states", "areas", ("day", *columns), rows,
        column_codes=("wework_accounts", "status"),
    )  # fmt: skip


def message_hours(marts: Marts, last: date) -> Panel:
    """Messages of the last 30 days by weekday and hour, sent and received."""
    counted: Counter[tuple[int, int]] = Counter()
    hour = sa.extract("hour", col("created_at"))
    for day, at, messages in marts.rows(
        "warehouse.fct_messages",
        {"message_date": col("message_date"), "hour_of_day": hour},
        {"messages": sa.func.count()},
        _between(last, RECENT_DAYS, "message_date"),
    ):
        counted[day.weekday(), int(at)] += messages
    rows = tuple((f"weekday_{day}", *(counted[day, at] for at in range(24))) for day in range(7))
    return Panel("message_hours", "heat", ("weekday", *(f"{at:02}" for at in range(24))), rows)


def account_alerts(marts: Marts, last: date) -> Panel:
    """Alerts of accounts by type."""
    rows = marts.rows(
        "warehouse.fct_wework_alerts",
        {"alert_type": col("alert_type")},
        {"alerts": sa.func.count(), "resolved": sa.func.count(col("resolved_at"))},
        _between(last, TREND_DAYS, "alert_date"),
    )
    rows.sort(key=lambda row: (-row[1], row[0]))
    return Panel(
        "account_alerts_by_type", "bars", ("type", "alerts", "resolved_count"), tuple(rows),
        codes=("wework_account_alerts", "alert_type"),
    )  # fmt: skip


# --- health --------------------------------------------------------------------------------------


def vital_signs(marts: Marts, last: date) -> Panel:
    """Readings of released patients by age band, of bands with five people or more."""
    signs = ("systolic_pressure", "diastolic_pressure", "heart_rate")
    rows = marts.rows(
        "warehouse.fct_vital_signs",
        {"age_band": col("age_band")},
        {
            "patients": sa.func.count(sa.distinct(col("patient_key"))),
            "readings": sa.func.count(),
            "abnormal": count_if(col("is_abnormal")),
            **{f"{sign}_sum": sa.func.sum(col(sign)) for sign in signs},
            **{f"{sign}_n": sa.func.count(col(sign)) for sign in signs},
        },
        [col("age_band").is_not(None), *_between(last, TREND_DAYS, "measured_date")],
    )
    shown = []
    for band, patients, readings, abnormal, *rest in rows:
        if patients >= SMALLEST_CELL:
            means = [ratio(rest[n], rest[n + 3]) for n in range(3)]
            shown.append((band, patients, readings, percent(abnormal, readings), *means))
    return Panel(
        "vital_signs",
        "table",
        ("age_band", "patients", "readings", "abnormal_pct", *signs),
        tuple(shown),
    )


def health_alerts(marts: Marts, last: date) -> Panel:
    """Alerts of released patients by level and state; of fewer than five people nothing."""
    found = {
        (level, state): n if people >= SMALLEST_CELL else None
        for level, state, n, people in marts.rows(
            "warehouse.fct_health_alerts",
            {"alert_level": col("alert_level"), "status": col("status")},
            {
                "alerts": sa.func.count(),
                "patients": sa.func.count(sa.distinct(col("patient_key"))),
            },
            _between(last, TREND_DAYS, "alert_date"),
        )
    }
    levels = ("emergency", "critical", "error", "warning", "info")
    states = sorted({state for _, state in found})
    rows = tuple((level, *(found.get((level, state), 0) for state in states)) for level in levels)
    return Panel(
        "health_alerts", "heat", ("level", *states), rows,
        codes=("health_alerts", "alert_level"), column_codes=("health_alerts", "status"),
    )  # fmt: skip


def devices(marts: Marts, _last: date) -> Panel:
    """Devices by kind: how many, and how well they measure."""
    rows = marts.rows(
        "health_management.health_device_performance",
        {"device_type": col("device_type")},
        {
            "devices": sa.func.count(),
            "poor": count_if(col("performance_rating") == "poor"),
            "successful": sa.func.sum(col("successful_measurements")),
            "measured": sa.func.sum(col("total_measurements")),
        },
    )
    shown = [(kind, n, poor, percent(well, measured)) for kind, n, poor, well, measured in rows]
    return Panel(
        "devices_by_type",
        "bars",
        ("type", "devices", "poor_devices", "success_pct"),
        tuple(sorted(shown, key=lambda row: (-row[1], row[0]))),
        codes=("health_devices", "device_type"),
    )


# --- business ------------------------------------------------------------------------------------


def order_funnel(marts: Marts, last: date) -> Panel:
    """How far the orders of the last 90 days have come."""
    [row] = marts.rows(
        "core_business_platform.service_order_funnel_daily",
        {},
        {step: sa.func.coalesce(sa.func.sum(col(f"{step}_orders")), 0) for step in ORDER_STEPS},
        _between(last, TREND_DAYS),
    )
    return _funnel("order_funnel", ORDER_STEPS, row)


def order_states(marts: Marts, last: date) -> Panel:
    """Orders by state, and what they are worth."""
    rows = marts.rows(
        "warehouse.fct_orders",
        {"order_status": col("order_status")},
        {"orders": sa.func.count(), "amount": sa.func.sum(col("total_amount_cny"))},
        _between(last, TREND_DAYS, "order_date"),
    )
    rows.sort(key=lambda row: (-row[1], row[0]))
    return Panel(
        "order_states", "bars", ("state", "orders", "amount_cny"), tuple(rows),
        codes=("service_orders", "order_status"),
    )  # fmt: skip


def services(marts: Marts, last: date) -> Panel:
    """The services that brought most."""
    rows = marts.rows(
        "warehouse.fct_order_items",
        {name: col(name) for name in ("service_id", "service_name")},
        {"revenue": sa.func.sum(col("revenue_cny")), "items": sa.func.count()},
        _between(last, TREND_DAYS, "order_date"),
    )
    rows = sorted(rows, key=lambda row: (-row[2], row[0], row[1]))[:MOST_ROWS]
    return Panel(
        "services", "bars", ("service", "revenue_cny", "order_lines"),
        tuple((name, revenue, items) for _, name, revenue, items in rows),
    )  # fmt: skip


def campaigns(marts: Marts, _last: date) -> Panel:
    """The campaigns that brought most, and what for each yuan of discount."""
    rows = marts.rows(
        "core_business_platform.v_campaign_performance",
        {name: col(name) for name in ("id", "campaign_name")},
        {
            name: sa.func.max(col(name))
            for name in ("total_revenue", "total_discount", "total_participants", "total_orders")
        },
    )
    rows = sorted(rows, key=lambda row: (-row[2], row[0]))[:MOST_ROWS]
    return Panel(
        "campaigns",
        "bars",
        ("campaign", "revenue_cny", "discount_cny", "participants", "orders", "roi"),
        tuple(
            (name, revenue, discount, people, orders, ratio(revenue, discount))
            for _, name, revenue, discount, people, orders in rows
        ),
    )


# --- customer ------------------------------------------------------------------------------------


def cohorts(marts: Marts, _last: date) -> Panel:
    """Of the customers of a first month, how many came back in each later one, in percent."""
    found = {
        (month, later): percent(back, whole)
        for month, later, back, whole in marts.rows(
            "warehouse.customer_cohort_retention",
            {"cohort": col("cohort_start_date"), "later": col("months_since_first")},
            {
                "back": sa.func.sum(col("retained_customers")),
                "whole": sa.func.sum(col("cohort_customers")),
            },
            [sa.not_(col("has_small_cell"))],
        )
    }
    latest = sorted({month for month, _ in found})[-MOST_ROWS:]
    most = max((later for month, later in found if month in latest), default=-1) + 1
    rows = tuple(
        (f"{month:%Y-%m}", *(found.get((month, later)) for later in range(most)))
        for month in latest
    )
    return Panel("cohorts", "heat", ("cohort", *(f"+{n}" for n in range(most))), rows)


def rfm(marts: Marts, _last: date) -> Panel:
    """Customers by how recently and how often they ordered; of fewer than five nothing."""
    found = {
        (recency, frequency): n
        for recency, frequency, n in marts.rows(
            "warehouse.customer_rfm",
            {name: col(name) for name in ("recency_score", "frequency_score")},
            {"customers": sa.func.count()},
        )
    }
    rows = tuple(
        (f"R{recency}", *(_shown(found.get((recency, f), 0)) for f in range(1, 6)))
        for recency in range(5, 0, -1)
    )
    return Panel("rfm", "heat", ("recency", *(f"F{f}" for f in range(1, 6))), rows)


def _shown(people: int) -> int | None:
    """A count of people, unless it would tell of some."""
    return None if 0 < people < SMALLEST_CELL else people


def stages(marts: Marts, _last: date) -> Panel:
    """Customers by lifecycle stage."""
    rows = marts.rows(
        "warehouse.dim_customers",
        {"stage": col("lifecycle_stage")},
        {"customers": sa.func.count()},
        [col("lifecycle_stage").is_not(None)],
    )
    rows = sorted(((stage, _shown(n)) for stage, n in rows), key=lambda r: (-(r[1] or 0), r[0]))
    return Panel(
        "stages", "bars", ("stage", "customers"), tuple(rows),
        codes=("customers", "lifecycle_stage"),
    )  # fmt: skip


def overlaps(marts: Marts, _last: date) -> Panel:
    """The pairs of a tenant's segments that have most in common."""
    names = {
        row[0]: row[1]
        for row in marts.rows(
            "customer_management.v_segment_statistics",
            {name: col(name) for name in ("id", "segment_name")},
            {"n": sa.func.count()},
        )
    }
    rows = marts.rows(
        "warehouse.segment_overlap",
        {name: col(name) for name in ("segment_id", "other_segment_id")},
        {name: sa.func.max(col(name)) for name in ("jaccard_pct", "both_customers")},
        [sa.not_(col("has_small_cell")), col("both_customers") > 0],
    )
    rows = sorted(rows, key=lambda row: (-row[2], row[0], row[1]))[:MOST_ROWS]
    return Panel(
        "overlaps",
        "bars",
        ("segments", "jaccard_pct", "both_customers"),
        tuple((f"{names[one]} ∩ {names[other]}", share, both) for one, other, share, both in rows),
    )


# --- pages ---------------------------------------------------------------------------------------

PAGES: dict[str, tuple[tuple[str, ...], tuple[Callable[[Marts, date], Panel], ...]]] = {
    EXECUTIVE: (
        ("sent_messages", "ai_requests", "ai_cost_cny", "placed_orders", "revenue_cny",
         "account_alerts"),
        (
            _trend("messages", "sent_messages", "received_messages"),
            _trend("ai_a_day", "ai_requests"),
            _trend("orders_a_day", "placed_orders", "cancelled_orders"),
            _trend("revenue", "revenue_cny"),
            quotas,
        ),
    ),
    "core": (("api_calls",), (_trend("api", "api_calls"), sign_ins, quotas, alerts)),
    "ai": (
        ("ai_requests", "ai_cost_cny", "ai_tokens", "ai_conversations"),
        (ai_calls, ai_cost, ai_latency, agents),
    ),
    "wework": (
        ("sent_messages", "received_messages", "failed_messages", "account_alerts"),
        (message_funnel, account_states, message_hours, account_alerts),
    ),
    "health": ((), (vital_signs, health_alerts, devices)),
    "business": (
        ("placed_orders", "cancelled_orders", "revenue_cny"),
        (order_funnel, _trend("revenue", "revenue_cny"), order_states, campaigns, services),
    ),
    "customer": ((), (cohorts, rfm, stages, overlaps)),
}  # fmt: skip
