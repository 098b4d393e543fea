"""Late data: days on which a source holds more or fewer rows than its rollup counted when built."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.partitions import first_day
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings

DAYS_BACK = 35
# The daily build comes at four: until it has had its time, yesterday is not late but new.
PATIENCE = timedelta(hours=8)


@dataclass(frozen=True)
class Witness:
    """A rollup whose `counts` of a day add up to the source's rows of that day by `moment`.

    `rollup` is `database.table`. Rows without a value in `only`, if it is named, are in neither.
    """

    domain: str
    source: str
    moment: str
    rollup: str
    counts: tuple[str, ...]
    only: str = ""

    @property
    def job(self) -> str:
        """The job that builds the days anew."""
        return f"late_{self.source}"


# Only exact counts are here. Rollups that leave out rows of tenants or customers nobody knows
# (saas_usage_statistics, wework_tenant_usage, saas_security_daily, customer_behavior_statistics)
# would differ for ever; conversations and message logs have no index or partition by their day.
WITNESSES = (
    Witness("wework", "wework_message_records", "created_at",
            "wework_platform.wework_account_daily", ("send_total", "received_count")),
    Witness("wework", "wework_callback_logs", "created_at",
            "warehouse.callback_daily", ("received_callbacks",)),
    Witness("ai", "ai_call_logs", "created_at",
            "ai_agent_platform.ai_platform_daily", ("calls",), only="platform_id"),
    Witness("ai", "ai_dispatch_logs", "created_at",
            "ai_agent_platform.ai_dispatch_daily", ("dispatches",)),
    Witness("health", "health_vital_signs", "measured_at",
            "health_management.health_vital_signs_daily", ("measurement_count",)),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Neighbouring days of one source that differ: (day, rows there, rows recorded)."""

    witness: Witness
    counts: tuple[tuple[date, int, int], ...]

    @property
    def first(self) -> date:
        """The first day."""
        return self.counts[0][0]

    @property
    def last(self) -> date:
        """The last day."""
        return self.counts[-1][0]

    @property
    def key(self) -> str:
        """The same for the same finding, and another once a count has changed."""
        digest = hashlib.sha256(repr(self.counts).encode()).hexdigest()[:16]
        return f"{self.witness.source}:{self.first}:{self.last}:{digest}"


def witnesses(settings: Settings) -> list[Witness]:
    """Those of the domains that are switched on."""
    return [witness for witness in WITNESSES if witness.domain in settings.domains]


def days_looked_at(now: datetime) -> tuple[date, date]:
    """The last 35 days that are over and were built, half-open."""
    return now.date() - timedelta(days=DAYS_BACK), (now - PATIENCE).date()


def findings(
    witness: Witness, there: Mapping[date, int], recorded: Mapping[date, int]
) -> list[Finding]:
    """Stretches of days whose counts differ; a day without rows may be missing on either side."""
    differing = [
        (day, there.get(day, 0), recorded.get(day, 0))
        for day in sorted({*there, *recorded})
        if there.get(day, 0) != recorded.get(day, 0)
    ]
    stretches: list[list[tuple[date, int, int]]] = []
    for counted in differing:
        if stretches and counted[0] - stretches[-1][-1][0] == timedelta(days=1):
            stretches[-1].append(counted)
        else:
            stretches.append([counted])
    return [Finding(witness, tuple(stretch)) for stretch in stretches]


def to_request(found: Iterable[Finding], known: Collection[str], most: int) -> list[Finding]:
    """The findings that no run was asked for yet, the newest days first, at most so many."""
    new = [finding for finding in found if finding.key not in known]
    return sorted(new, key=lambda finding: finding.last, reverse=True)[:most]


def find_late_days(settings: Settings) -> list[Finding]:
    """What every witness says now; a rollup that was never built says nothing."""
    first, end = days_looked_at(clock.now(settings))
    first = max(first, first_day(settings))
    found: list[Finding] = []
    if settings.on_spark and not settings.reading.duckdb_path.exists():
        return found
    recorded: dict[str, dict[date, int]] = {}
    with database.connect(settings.reading, read_only=True) as connection:
        built = _built(connection, settings)
        for witness in witnesses(settings):
            if witness.rollup in built:
                query = _recorded_by_day(settings, witness, first, end)
                recorded[witness.source] = _counted(connection, query)
    with database.connect(settings, read_only=True) as connection:
        for witness in witnesses(settings):
            if witness.source in recorded:
                there = _counted(connection, _rows_by_day(settings, witness, first, end))
                found += findings(witness, there, recorded[witness.source])
    return found


def _rows_by_day(settings: Settings, witness: Witness, first: date, end: date) -> sa.Select:
    source = table_named(metadata_of(settings), witness.source)
    moment = source.c[witness.moment]
    day = sa.cast(moment, sa.Date)
    counted = source.c[witness.only] if witness.only else sa.text("*")
    return (
        sa.select(day, sa.func.count(counted))
        .where(moment >= _midnight(first), moment < _midnight(end))
        .group_by(day)
    )


def _recorded_by_day(settings: Settings, witness: Witness, first: date, end: date) -> sa.Select:
    columns: list[sa.ColumnClause] = [sa.column(name) for name in witness.counts]
    day = sa.column("stat_date", sa.Date)
    home, name = witness.rollup.split(".")
    rollup = sa.table(name, day, *columns, schema=database.database_name(settings, home))
    total = sa.func.sum(sum(columns[1:], start=columns[0]))
    return sa.select(rollup.c.stat_date, total).where(day >= first, day < end).group_by(day)


def _counted(connection: sa.Connection, query: sa.Select) -> dict[date, int]:
    return {day: int(count) for day, count in connection.execute(query)}


def _built(connection: sa.Connection, settings: Settings) -> set[str]:
    tables = sa.table(
        "tables", sa.column("table_schema"), sa.column("table_name"), schema="information_schema"
    )
    names = {witness.rollup.split(".")[1] for witness in witnesses(settings)}
    found = connection.execute(
        sa.select(tables.c.table_schema, tables.c.table_name).where(tables.c.table_name.in_(names))
    )
    return {f"{schema.removeprefix(settings.database_prefix)}.{name}" for schema, name in found}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)
