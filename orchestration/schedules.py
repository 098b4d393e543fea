"""The schedules, most of which replace a MySQL event: one table, and how a tick is decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import DagsterRunStatus, DefaultScheduleStatus, RunsFilter

from orchestration.errors import WarehouseError
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import AlreadyRunning, has_work
from orchestration.partitions import FIRST_DAY, OWN_WINDOWS, first_day, lookback_days
from orchestration.resources import FILE_HELD
from orchestration.schema.partitions import add_months, first_of_month
from orchestration.settings import DATABASES, PLATFORM, TIME_ZONE, Settings

# From the moment a run is asked for until its end.
UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# A tick that has to wait for the DuckDB file skips rather: the next one is near.
TICK_WAIT_SECONDS = "1"
DAILY_BUILD, HOURLY_FRESHNESS, WEEKLY_DOCS = "daily_build", "hourly_freshness", "weekly_docs"
PARTITION_HORIZON, RETENTION, LAKE_SYNC = "partition_horizon", "retention", "lake_sync"
# Receipts change a message's state for days, so what counts states rebuilds a week.
RECEIPT_DAYS = 7


@dataclass(frozen=True)
class Row:
    """One schedule and its job, both named as the event that they replace.

    Without `builds` the job runs the operation of that name. `builds` are assets [database, table]
    that are built first, over the days from `days` ago until `until` days ago where they are
    daily; with `own_windows` each model looks back as far as it needs to, which is no less.
    `by_months`: the run is for all months that are closed.
    `asks_first`: a tick starts a run only where the operation would find work.
    """

    name: str
    domain: str
    cron: str
    does: str = ""
    builds: tuple[tuple[str, str], ...] = ()
    days: int = 0
    until: int = 1
    own_windows: bool = False
    by_months: bool = False
    asks_first: bool = False
    is_event: bool = True
    default_status: DefaultScheduleStatus = DefaultScheduleStatus.RUNNING
    zone: str = TIME_ZONE

    @property
    def description(self) -> str:
        """Which event it replaces, and what it does."""
        does = self.does or " ".join(o.sentence for o in OPERATIONS if o.name == self.name)
        if not self.is_event:
            return does
        return f"Replaces the MySQL event {self.name} of {DATABASES[self.domain]}. {does}"


def _built(domain: str, *tables: str) -> tuple[tuple[str, str], ...]:
    return tuple((DATABASES[domain], table) for table in tables)


SCHEDULES = (
    Row("cleanup_expired_data", "core", "0 2 * * *"),
    Row("cleanup_expired_conversations", "ai", "15 2 * * *"),
    Row("mark_idle_conversations", "ai", "*/5 * * * *", asks_first=True),
    Row(
        "update_all_agent_statistics", "ai", "0 * * * *",
        "Builds ai_agent_statistics, then writes the figures that changed back to ai_agents.",
        builds=_built("ai", "ai_agent_statistics"),
    ),
    Row("auto_status_check", "wework", "*/2 * * * *", asks_first=True),
    Row(
        "update_health_scores", "wework", "*/10 * * * *",
        "Builds wework_account_health, then writes the scores that changed back to "
        "wework_accounts.",
        builds=_built("wework", "wework_account_health"),
        asks_first=True,
    ),
    Row(
        "update_account_statistics", "wework", "5 * * * *",
        "Builds the accounts' and the messages' days that may have changed and "
        "wework_account_statistics over them, then writes the figures that changed back to "
        "wework_accounts.",
        builds=_built("wework", "wework_account_daily", "wework_message_daily",
                      "wework_account_status_daily", "wework_account_statistics"),
        days=RECEIPT_DAYS,
        until=0,
    ),
    Row(
        "generate_daily_reports", "wework", "0 1 * * *",
        "Builds wework_tenant_usage for yesterday, and for the days before it in which late rows "
        "may have arrived.",
        builds=_built("wework", "wework_tenant_usage"),
        days=lookback_days(),
    ),
    Row(
        "generate_daily_health_stats", "health", "0 2 * * *",
        "Builds health_statistics for yesterday, the days before it in which late rows may have "
        "arrived, and the weeks, months and years that closed with one of them.",
        builds=_built("health", "health_statistics"),
        days=lookback_days(),
    ),
    Row("check_device_status", "health", "*/10 * * * *", asks_first=True),
    Row("check_low_capacity_services", "business", "10 * * * *", asks_first=True),
    Row("cleanup_expired_coupons", "business", "0 2 * * *"),
    Row("handle_timeout_service_orders", "business", "*/10 * * * *", asks_first=True),
    Row("update_customer_lifecycle", "customer", "0 3 * * *"),
    Row("auto_assign_tags", "customer", "0 */6 * * *"),
    Row("update_dynamic_segments", "customer", "0 1,13 * * *"),
    Row(
        "evaluate_health_alert_rules", "health", "*/5 * * * *", asks_first=True, is_event=False
    ),
    Row(
        "evaluate_wework_monitor_rules", "wework", "*/5 * * * *", asks_first=True, is_event=False
    ),
    Row(
        "hourly_quota_usage", "core", "20 * * * *",
        "Builds saas_quota_usage_realtime: what each tenant uses of each resource now.",
        builds=_built("core", "saas_quota_usage_realtime"),
        is_event=False,
    ),
    Row(
        HOURLY_FRESHNESS, PLATFORM, "40 * * * *",
        "Counts the application tables' rows by the catalog, and holds their newest rows against "
        "the bounds that stand with the sources.",
        is_event=False,
    ),
    Row(
        PARTITION_HORIZON, PLATFORM, "15 0 * * *",
        "Makes monthly partitions three months ahead, and moves rows out of p_future.",
        is_event=False,
    ),
    Row(
        RETENTION, PLATFORM, "30 0 * * *",
        "Archives closed months, verifies them, and drops what no policy keeps, a table a step.",
        is_event=False,
    ),
    Row(
        LAKE_SYNC, PLATFORM, "30 1 * * *",
        "Writes closed months that the lake lacks, and renews those in which a row came or "
        "changed.",
        by_months=True,
        is_event=False,
    ),
    Row(
        DAILY_BUILD, PLATFORM, "0 4 * * *",
        "Builds and tests everything of all domains, each daily table over its own trailing "
        "window, then runs the quality suites.",
        days=lookback_days(),
        until=0,
        own_windows=True,
        is_event=False,
    ),
    Row(
        WEEKLY_DOCS, PLATFORM, "0 6 * * 1",
        "Writes the data dictionary and the quality suites' pages.",
        is_event=False,
    ),
)  # fmt: skip


def schedule_rows(settings: Settings) -> list[Row]:
    """The table's rows whose domain is switched on."""
    return [row for row in SCHEDULES if row.domain in (*settings.domains, PLATFORM)]


def scheduled_assets() -> set[dg.AssetKey]:
    """What a row of the table names to be built."""
    return {dg.AssetKey(key) for row in SCHEDULES for key in row.builds}


def default_status(settings: Settings, row: Row) -> DefaultScheduleStatus:
    """The row's own status where schedules run; stopped elsewhere."""
    return row.default_status if schedules_run(settings) else DefaultScheduleStatus.STOPPED


def schedules_run(settings: Settings) -> bool:
    """WAREHOUSE_SCHEDULES=running: so in production, not in a demo."""
    mode = settings.environment.get("WAREHOUSE_SCHEDULES") or "stopped"
    if mode not in ("running", "stopped"):
        raise WarehouseError(
            f"WAREHOUSE_SCHEDULES {mode!r} is unknown.", fix="choose running or stopped."
        )
    return mode == "running"


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules of the domains that are switched on."""
    return [_schedule(row, settings) for row in schedule_rows(settings)]


def _schedule(row: Row, settings: Settings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=row.name,
        job_name=row.name,
        cron_schedule=row.cron,
        execution_timezone=row.zone,
        default_status=default_status(settings, row),
        description=row.description,
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        unfinished = context.instance.get_runs(
            RunsFilter(job_name=row.name, statuses=UNFINISHED), limit=1
        )
        if unfinished:
            return dg.SkipReason(
                f"Run {unfinished[0].run_id[:8]} of {row.name} is not finished "
                f"({unfinished[0].status.value.lower()})."
            )
        if row.asks_first and (reason := why_not(row.name, settings)):
            return dg.SkipReason(reason)
        return request(row, context.scheduled_execution_time, first_day(settings))

    return tick


def why_not(name: str, settings: Settings) -> str:
    """Why a run of the operation would be for nothing; empty when there is work for it."""
    [operation] = [operation for operation in OPERATIONS if operation.name == name]
    try:
        return "" if has_work(operation, hasty(settings)) else f"Nothing to do for {name}."
    except AlreadyRunning as error:
        return error.message
    except WarehouseError as error:
        if FILE_HELD not in error.message:
            raise
        return error.message


def hasty(settings: Settings) -> Settings:
    """The same settings for a tick, which does not wait for the DuckDB file."""
    patience = {"WAREHOUSE_DUCKDB_WAIT_SECONDS": TICK_WAIT_SECONDS}
    return replace(settings, environment={**settings.environment, **patience})


def request(
    row: Row, scheduled: datetime, since: date = date.fromisoformat(FIRST_DAY)
) -> dg.RunRequest | dg.SkipReason:
    """A run for the scheduled time; with its days, by the row's zone, where it builds by days.

    By months it is for those from that of `since` to the last that is closed.
    """
    today = scheduled.astimezone(ZoneInfo(row.zone)).date()
    if row.by_months:
        months = [first_of_month(since), add_months(today, -1)]
        if months[0] > months[1]:
            return dg.SkipReason("No month has closed yet.")
        range_of = (month.isoformat() for month in months)
        return dg.RunRequest(
            run_key=scheduled.isoformat(),
            tags=dict(zip((RANGE_START, RANGE_END), range_of, strict=True)),
        )
    if not row.days:
        return dg.RunRequest(run_key=scheduled.isoformat())
    first, last = today - timedelta(days=row.days), today - timedelta(days=row.until)
    return dg.RunRequest(
        run_key=last.isoformat() if row.until else scheduled.isoformat(),
        tags={
            RANGE_START: first.isoformat(),
            RANGE_END: last.isoformat(),
            **({OWN_WINDOWS: "true"} if row.own_windows else {}),
        },
    )
