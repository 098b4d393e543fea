"""Freshness of the application tables as asset checks: the bounds stand with the sources in dbt.

Where people write, nothing new at four in the morning or on a Sunday is no fault. A source says so
with `meta.quiet`: its bounds then count the hours in which somebody is at work, and no others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from orchestration import clock, database
from orchestration.manifest import Manifest
from orchestration.resources import DUCKDB_POOL
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings, one_of
from orchestration.translator import WarehouseTranslator, domain_of

CHECK = "freshness"
# When people write. Nights do not count for a source with `quiet: nights`; with `quiet: weekends`
# neither do days off, festivals among them.
MORNING, EVENING = time(8), time(22)
QUIET = ("", "nights", "weekends")


@dataclass(frozen=True)
class Bounds:
    """How old the newest row of a table may be, by which column, before it is said."""

    table: str
    column: str
    warn: timedelta
    error: timedelta
    quiet: str = ""

    def oldest(self, span: timedelta, now: datetime) -> datetime:
        """The moment since which so much time has passed that counts."""
        return now - span if not self.quiet else _awake_since(now, span, self.quiet)

    def severity(self, newest: datetime | None, now: datetime) -> dg.AssetCheckSeverity | None:
        """None where the newest row is young enough; a table without rows is as old as can be."""
        if newest is None or newest < self.oldest(self.error, now):
            return dg.AssetCheckSeverity.ERROR
        return dg.AssetCheckSeverity.WARN if newest < self.oldest(self.warn, now) else None

    def told(self) -> str:
        """`at most 24 hours old (nights do not count); an error from 3 days on`."""
        left_out = {"nights": "nights", "weekends": "nights and days off"}.get(self.quiet)
        note = f" ({left_out} do not count)" if left_out else ""
        return f"at most {_told(self.warn)} old{note}; an error from {_told(self.error)} on"


def _awake_since(now: datetime, span: timedelta, quiet: str) -> datetime:
    """The latest moment from which on people were up for `span` until now."""
    left, day = span, now.date()
    while True:
        if quiet == "nights" or is_working_day(day):
            opens = datetime.combine(day, MORNING)
            closes = min(datetime.combine(day, EVENING), now)
            if closes - opens >= left:
                return closes - left
            left -= max(closes - opens, timedelta(0))
        day -= timedelta(days=1)


def is_working_day(day: date) -> bool:
    """Monday to Friday but for festivals, and the weekend days that make up for them."""
    kind = clock.odd_days().get(day)
    return kind == "workday" or (kind is None and day.weekday() < 5)


def build_freshness_checks(
    settings: Settings, manifest: Manifest
) -> list[dg.AssetChecksDefinition]:
    """One definition for all sources with bounds, of the domains that are switched on."""
    translator = WarehouseTranslator(settings.database_prefix)
    bounds = {
        translator.get_asset_key(source): bounds_of(source)
        for _, source in sorted(manifest["sources"].items())
        if domain_of(source) in settings.domains and source.get("loaded_at_field")
    }
    specs = [
        dg.AssetCheckSpec(
            CHECK,
            asset=key,
            description=f"The newest {each.column} is {each.told()}.",
        )
        for key, each in bounds.items()
    ]

    @dg.multi_asset_check(
        name="source_freshness",
        specs=specs,
        can_subset=True,
        pool=None if settings.is_mysql else DUCKDB_POOL,
    )
    def check(
        context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult]:
        keys = sorted({key.asset_key for key in context.selected_asset_check_keys})
        now = clock.now(settings)
        with database.connect(settings, read_only=True) as connection:
            newest = {key: newest_row(connection, settings, bounds[key], now) for key in keys}
        oldest = {key: bounds[key].oldest(bounds[key].error, now) for key in keys}
        for key in keys:
            severity = bounds[key].severity(newest[key], now)
            yield dg.AssetCheckResult(
                check_name=CHECK,
                asset_key=key,
                passed=severity is None,
                severity=severity or dg.AssetCheckSeverity.ERROR,
                metadata={"newest": str(newest[key] or f"none since {oldest[key]}")},
            )

    return [check]


def _told(span: timedelta) -> str:
    """`36 hours`, `1 day`."""
    hours = span // timedelta(hours=1)
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'s' if number > 1 else ''}"


def bounds_of(source: Mapping[str, Any]) -> Bounds:
    """What the source's YAML says."""

    def span(name: str) -> timedelta:
        found = source["freshness"][name]
        return timedelta(**{f"{found['period']}s": found["count"]})

    table = source.get("identifier") or source["name"]
    quiet = one_of("meta.quiet", (source.get("meta") or {}).get("quiet", ""), QUIET)
    return Bounds(table, source["loaded_at_field"], span("warn_after"), span("error_after"), quiet)


def newest_row(
    connection: sa.Connection, settings: Settings, bounds: Bounds, now: datetime
) -> datetime | None:
    """The newest row's moment; None without one in the time that matters.

    Bounded, so that MySQL looks at a month's partition or two and never at the whole table.
    """
    column = table_named(metadata_of(settings), bounds.table).c[bounds.column]
    oldest = bounds.oldest(bounds.error, now)
    asked = sa.select(sa.func.max(column)).where(column.between(oldest, now))
    found: datetime | None = connection.scalar(asked)
    return found
