"""The schedules, each of which replaces a MySQL event: one table, and how a tick is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import DagsterRunStatus, DefaultScheduleStatus, RunsFilter

from orchestration.errors import WarehouseError
from orchestration.partitions import lookback_days
from orchestration.settings import TIME_ZONE, Settings

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


@dataclass(frozen=True)
class Row:
    """One schedule: its name is the event's, `builds` are the assets [database, table]."""

    name: str
    domain: str
    cron: str
    builds: tuple[tuple[str, str], ...]
    replaces: str
    default_status: DefaultScheduleStatus = DefaultScheduleStatus.RUNNING
    zone: str = TIME_ZONE


SCHEDULES = (
    Row(
        name="generate_daily_reports",
        domain="wework",
        cron="0 1 * * *",
        builds=(("wework_platform", "wework_tenant_usage"),),
        replaces=(
            "Replaces the MySQL event generate_daily_reports of wework_platform: builds "
            "wework_tenant_usage for yesterday, and for the days before it in which late rows may "
            "have arrived."
        ),
    ),
)


def schedule_rows(settings: Settings) -> list[Row]:
    """The table's rows whose domain is switched on."""
    return [row for row in SCHEDULES if row.domain in settings.domains]


def default_status(settings: Settings, row: Row) -> DefaultScheduleStatus:
    """The row's own status where WAREHOUSE_SCHEDULES=running (production); stopped elsewhere."""
    mode = settings.environment.get("WAREHOUSE_SCHEDULES") or "stopped"
    if mode not in ("running", "stopped"):
        raise WarehouseError(
            f"WAREHOUSE_SCHEDULES {mode!r} is unknown.", fix="choose running or stopped."
        )
    return row.default_status if mode == "running" else DefaultScheduleStatus.STOPPED


def build_jobs(settings: Settings) -> list[Any]:
    """One job a schedule; the checks of what it builds run with it."""
    return [
        dg.define_asset_job(
            row.name,
            selection=dg.AssetSelection.assets(*(dg.AssetKey(key) for key in row.builds)),
            description=row.replaces,
            tags={"domain": row.domain},
        )
        for row in schedule_rows(settings)
    ]


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules of the domains that are switched on."""
    return [_schedule(row, default_status(settings, row)) for row in schedule_rows(settings)]


def _schedule(row: Row, status: DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=row.name,
        job_name=row.name,
        cron_schedule=row.cron,
        execution_timezone=row.zone,
        default_status=status,
        description=row.replaces,
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
        return daily_request(context.scheduled_execution_time, row.zone)

    return tick


def daily_request(scheduled: datetime, zone: str) -> dg.RunRequest:
    """Yesterday, seen from the scheduled time, and the days before it that late rows may touch."""
    today = scheduled.astimezone(ZoneInfo(zone)).date()
    first, last = today - timedelta(days=lookback_days()), today - timedelta(days=1)
    return dg.RunRequest(
        run_key=last.isoformat(),
        tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat()},
    )


def build_domain_jobs(groups: Sequence[str], settings: Settings) -> list[Any]:
    """One job a domain: all that dbt builds of it, with its checks, for any days.

    Staging views of other domains that it reads are part of it; they cost next to nothing.
    """
    staging = dg.AssetSelection.groups(*(g for g in groups if g.endswith("_staging")))
    jobs = []
    for domain in settings.domains:
        if names := [group for group in groups if group.startswith(f"{domain}_")]:
            own = dg.AssetSelection.groups(*names)
            jobs.append(
                dg.define_asset_job(
                    domain,
                    selection=own | (own.upstream() & staging),
                    description=(
                        f"Builds and tests all of {domain}: staging, daily tables of the chosen "
                        "days (without days: the trailing window), marts."
                    ),
                    tags={"domain": domain},
                )
            )
    return jobs
