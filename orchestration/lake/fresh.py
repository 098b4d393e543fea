"""A day of the lake that is new enough to build on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from orchestration import clock
from orchestration.errors import WarehouseError
from orchestration.lake.days import Day, day_tables, days, read_day, sync_day
from orchestration.lake.months import sync
from orchestration.schema.partitions import add_months, first_of_month
from orchestration.settings import Settings

MINUTES = 60


def fresh_day(settings: Settings, progress: Callable[[str], None] = lambda _: None) -> Day:
    """The last day if it is new enough, else today's, behind the months that have closed since.

    As `warehouse lake sync --full` does; months that changed later are the nightly sync's.
    """
    last = read_day(settings) if days(settings) else None
    now = clock.now(settings)
    if last and is_fresh(last, settings, now):
        progress(f"the lake's day {last.day} is as of {last.as_of}")
        return last
    months = [] if last is None else _closed_since(last, now)
    if last is None or months:
        progress("writing the lake's closed months")
        write_months(settings, months, progress)
    progress("writing the lake's day")
    return sync_day(settings)


def write_months(
    settings: Settings,
    months: Sequence[date] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Bring these closed months, or all, into the lake; WarehouseError where one failed."""
    if failed := [m for m in sync(settings, (), months, progress) if m.state == "failed"]:
        raise WarehouseError(
            f"{failed[0].table} {failed[0].month} did not get into the lake: {failed[0].why}",
            fix="mend what it names, and run the build again.",
        )


def is_fresh(day: Day, settings: Settings, now: datetime) -> bool:
    """Whether the day has every table, and is at most WAREHOUSE_LAKE_MINUTES old."""
    age = now - datetime.fromisoformat(day.as_of)
    names = {table.name for table in day_tables(settings)}
    return names <= set(day.tables) and age <= timedelta(minutes=lake_minutes(settings))


def lake_minutes(settings: Settings) -> int:
    """How old a day may be that a build reads."""
    text = settings.environment.get("WAREHOUSE_LAKE_MINUTES") or str(MINUTES)
    if not text.isdigit():
        raise WarehouseError(
            f"WAREHOUSE_LAKE_MINUTES {text!r} is not a number of minutes.",
            fix=f"export WAREHOUSE_LAKE_MINUTES={MINUTES}, say; 0 writes a day for each build.",
        )
    return int(text)


def _closed_since(last: Day, now: datetime) -> list[date]:
    found, month = [], date.fromisoformat(last.open_from)
    while month < first_of_month(now.date()):
        found.append(month)
        month = add_months(month, 1)
    return found
