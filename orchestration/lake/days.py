"""The lake's days: what no month holds, all tables as of one moment, for engines that read files.

    <url>/days/day=2026-06-30/_manifest.json                  which run is the day, and its tables
    <url>/days/day=2026-06-30/run=<id>/<table>/data.parquet   and its manifest, as for a month
    <url>/_sealed/days/day=2026-06-30/run=<id>/<table>/…      pii, phi and secret columns, sealed

Tables that policy archives give the rows that no closed month has, all others give everything, read
in one transaction. A day is there from the moment on that its manifest is, which is written last
and renamed into place: readers go by it, and never meet half a day. A day that is made again gets
another run; the one before stays until the next sync, for those who read it still.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.operations.running import only_one
from orchestration.retention.archive import MANIFEST, Archive, Damaged, Manifest
from orchestration.retention.looking import schema_of
from orchestration.retention.rows import Values, raw_table, read_rows
from orchestration.schema.partitions import first_of_month
from orchestration.schema.record import Table, load_record
from orchestration.settings import Settings

FULL = "days"
KEEP_DAYS = 7


@dataclass(frozen=True)
class Day:
    """What a day's manifest says. Months from `open_from` on are in it; earlier ones are months."""

    day: str
    as_of: str
    run: str
    open_from: str
    tables: Mapping[str, Manifest]
    version: int = 1

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(manifest.rows for manifest in self.tables.values())


class DayArchive(Archive):
    """One run's files of a day, written and read back as months are."""

    def __init__(self, settings: Settings, day: date, run: str) -> None:
        """Look at nothing yet."""
        super().__init__(settings)
        self.place = f"{FULL}/day={day}/run={run}"

    def folder(self, table: Table) -> str:
        """Where the table's open file lies."""
        return f"{self.root}/{self.place}/{table.name}"

    def _folder(self, table: Table, month: date, under: str = "") -> str:
        return f"{self.root}{under}/{self.place}/{table.name}"


def day_tables(settings: Settings) -> list[Table]:
    """The tables that applications write, of the domains that are switched on."""
    return [table for table in load_record(settings.domains) if not table.built_by_dbt]


def sync_day(
    settings: Settings,
    keep_days: int = KEEP_DAYS,
    progress: Callable[[str], None] = lambda _: None,
) -> Day:
    """Write the day of `as_of`, whole or not at all; forget days before the last `keep_days`."""
    if keep_days < 1:
        raise WarehouseError(f"{keep_days} days cannot be kept.", fix="keep one or more.")
    now = clock.now(settings)
    day = DayArchive(settings, now.date(), f"{now:%H%M%S}-{secrets.token_hex(4)}")
    tables = day_tables(settings)
    for table in tables:
        if why := day.obstacle(table):
            raise WarehouseError(
                f"{table.name}: {why}.",
                fix="set it (`openssl rand -base64 32` makes one), and run the command again.",
            )
    with only_one(settings, "lake.full"):
        _tidy(day, keep_days, now.date())
        manifests: dict[str, Manifest] = {}
        # The first read fixes what the whole transaction sees, on either engine.
        with database.begin(settings) as connection:
            for table in tables:
                rows = _rows(settings, connection, table, now)
                manifests[table.name] = day.write(table, now.date(), rows, now, expiring=False)
                progress(f"{table.name}: {manifests[table.name].rows:,} rows")
        run = day.place.rsplit("=", 1)[1]
        made = Day(str(now.date()), str(now), run, str(first_of_month(now.date())), manifests)
        day.put_text(manifest_of(day, made.day), json.dumps(asdict(made), indent=1))
    return read_day(settings, made.day)


def days(settings: Settings) -> list[str]:
    """The days that are whole, in order."""
    archive = Archive(settings)
    return [day for day in _days(archive) if archive.fs.exists(manifest_of(archive, day))]


def read_day(settings: Settings, day: str = "") -> Day:
    """A day's manifest, by default the last one's; WarehouseError where there is none."""
    archive = Archive(settings)
    known = days(settings)
    if not known or (day and day not in known):
        raise WarehouseError(
            f"The lake {archive.url} has no day{f' {day}' if day else ''}.",
            fix="run `warehouse lake sync --full`, or set WAREHOUSE_ARCHIVE_URL to the lake.",
        )
    file = manifest_of(archive, day or known[-1])
    try:
        told = json.loads(archive.fs.cat_file(file))
        tables = {name: Manifest(**one) for name, one in told.pop("tables").items()}
        return Day(tables=tables, **told)
    except (ValueError, TypeError, KeyError):
        raise Damaged(
            f"{file} is no manifest.", fix="run `warehouse lake sync --full` again."
        ) from None


def verify_day(settings: Settings, day: str = "") -> Day:
    """Read a day's files back; Damaged where one is not as its manifest says."""
    found = read_day(settings, day)
    archive = DayArchive(settings, date.fromisoformat(found.day), found.run)
    record = load_record()
    for name, manifest in found.tables.items():
        for _ in archive.rows(record.table(name), date.fromisoformat(found.day), manifest):
            pass
    return found


def _rows(
    settings: Settings, connection: sa.Connection, table: Table, now: datetime
) -> Iterator[Values]:
    source = raw_table(table, schema_of(settings, table))
    return read_rows(connection, table, source, *_beyond_months(table, source, now))


def _beyond_months(table: Table, source: sa.TableClause, now: datetime) -> Sequence[Any]:
    """The condition of rows that are in no closed month: of the running one, later, or of none."""
    if not (table.retention and table.retention.archive):
        return ()
    moment = source.c[table.retention.column]
    opened = datetime.combine(first_of_month(now.date()), time())
    return (sa.or_(moment >= opened, moment.is_(None)),)


def _tidy(archive: Archive, keep_days: int, today: date) -> None:
    """Remove old days, and runs that no manifest names: replaced, or killed."""
    known = _days(archive)
    whole = [day for day in known if archive.fs.exists(manifest_of(archive, day))]
    oldest = str(today - timedelta(days=keep_days - 1))
    for day in known:
        old = day < oldest and day != (whole[-1] if whole else "")
        if old and day in whole:
            archive.fs.rm_file(manifest_of(archive, day))  # first: from now on it is no day
        named = ""
        if not old and day in whole:
            named = str(json.loads(archive.fs.cat_file(manifest_of(archive, day)))["run"])
        for under in ("", "/_sealed"):
            folder = f"{archive.root}{under}/{FULL}/day={day}"
            for run in _names(archive, folder, "run="):
                if run != named:
                    archive.fs.rm(f"{folder}/run={run}", recursive=True)
            if old and archive.fs.exists(folder):
                archive.fs.rm(folder, recursive=True)


def _days(archive: Archive) -> list[str]:
    return _names(archive, f"{archive.root}/{FULL}", "day=")


def _names(archive: Archive, folder: str, prefix: str) -> list[str]:
    archive.fs.invalidate_cache()
    try:
        entries = archive.fs.ls(folder, detail=False)
    except FileNotFoundError:
        return []
    names = [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries]
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def manifest_of(archive: Archive, day: str) -> str:
    """Where a day's manifest lies."""
    return f"{archive.root}/{FULL}/day={day}/{MANIFEST}"
