"""The lake's months: which are there and as the database has them, made where they are not.

The lake is retention's archive, filled when a month closes. Months are compared by count and by
checksum, so a late row shows, and a changed one too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.operations.running import only_one
from orchestration.retention.archive import Archive, Manifest
from orchestration.retention.archiving import Archiving
from orchestration.retention.looking import count_by_month
from orchestration.retention.policy import months_name, policy_of
from orchestration.retention.rows import row_hash
from orchestration.schema.partitions import first_of_month
from orchestration.schema.record import Table, load_record
from orchestration.settings import Settings

# made, renewed: by this run. fresh: as the database has it. dropped: the file has more than the
# database, and all of that. stale, missing: `sync` makes it. failed: somebody should look.
State = Literal["made", "renewed", "fresh", "dropped", "stale", "missing", "failed"]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Month:
    """A table's month in the lake. `rows` are the file's, `online` the database's."""

    table: str
    month: str
    state: State
    rows: int = 0
    online: int = 0
    files: int = 0
    bytes: int = 0
    checksum: str = ""
    why: str = ""


def lake_tables(settings: Settings, names: Sequence[str] = ()) -> list[Table]:
    """The tables that policy archives, of the domains switched on; only those named, if any are."""
    known = {
        t.name: t for t in load_record(settings.domains) if t.retention and t.retention.archive
    }
    for name in names:
        if name not in known:
            raise WarehouseError(
                f"{name} is not in the lake.", fix=f"choose one of: {', '.join(known)}."
            )
    return [table for name, table in known.items() if not names or name in names]


def sync(
    settings: Settings,
    tables: Sequence[str] = (),
    months: Sequence[date] = (),
    progress: Progress = lambda _: None,
) -> Iterator[Month]:
    """Make what is missing and renew what is stale, a month at a time; what fails stops no other.

    A month that was cut off is whole or not there, and the next run goes on with it.
    """
    for table in lake_tables(settings, tables):
        lake = _Lake(settings, table, progress)
        yield from lake.alone(lake.synced(months))


def status(
    settings: Settings,
    tables: Sequence[str] = (),
    months: Sequence[date] = (),
    quick: bool = False,
) -> Iterator[Month]:
    """What `sync` would find; `quick` compares counts and no content."""
    for table in lake_tables(settings, tables):
        yield from _Lake(settings, table).compared(months, quick)


def verify(
    settings: Settings,
    tables: Sequence[str] = (),
    months: Sequence[date] = (),
    progress: Progress = lambda _: None,
) -> Iterator[Month]:
    """Read each file back against its manifest, and hold it against the rows online."""
    for table in lake_tables(settings, tables):
        lake = _Lake(settings, table, progress)
        yield from lake.alone(lake.verified(months))


class _Lake:
    """One table's."""

    def __init__(
        self, settings: Settings, table: Table, progress: Progress = lambda _: None
    ) -> None:
        self.settings, self.table, self.progress = settings, table, progress
        self.months = Archiving(settings, policy_of(table, on_mysql=settings.is_mysql))
        self.archive = self.months.archive

    def alone(self, work: Iterator[Month]) -> Iterator[Month]:
        """The work while nobody else writes the table's files: retention does, too."""
        try:
            with (
                database.friendly_errors(self.settings),
                only_one(self.settings, f"retention.{self.table.name}"),
            ):
                self.archive.settle(self.table)
                yield from work
        except WarehouseError as error:
            yield Month(self.table.name, "", "failed", why=str(error))

    def synced(self, wanted: Sequence[date]) -> Iterator[Month]:
        if why := self.archive.obstacle(self.table):
            fix = "set it (`openssl rand -base64 32` makes one), and run the command again"
            yield Month(self.table.name, "", "failed", why=f"{why}; {fix}.")
            return
        for found in self.compared(wanted):
            if found.state in ("missing", "stale"):
                found = self._made(found)
                self.progress(f"{found.table} {found.month}: {found.state}, {found.rows:,} rows")
            yield found

    def _made(self, found: Month) -> Month:
        month = date.fromisoformat(f"{found.month}-01")
        try:
            manifest = self.months.archived(month)
        except (WarehouseError, sa.exc.DBAPIError, OSError) as error:
            return replace(found, state="failed", why=database.reason_of(error))
        state: State = "made" if found.state == "missing" else "renewed"
        return self._month(month, state, found.online, manifest)

    def compared(self, wanted: Sequence[date], quick: bool = False) -> Iterator[Month]:
        """Each closed month that is online or in the lake."""
        online = self._online()
        closed = first_of_month(clock.today(self.settings))
        for month in sorted({*online, *self.archive.months(self.table)}):
            if month < closed and (not wanted or month in wanted):
                yield self._compared(month, online.get(month, 0), quick)

    def _compared(self, month: date, online: int, quick: bool) -> Month:
        manifest = None
        try:
            if manifest := self.archive.peek(self.table, month):
                state = self._state(month, online, manifest, quick)
                return self._month(month, state, online, manifest)
        except (WarehouseError, OSError) as error:
            return self._month(month, "failed", online, manifest, database.reason_of(error))
        return self._month(month, "missing", online)

    def _state(self, month: date, online: int, manifest: Manifest, quick: bool) -> State:
        if not self.archive.is_current(self.table, manifest):
            return "stale"  # a column came, or is sensitive now
        if not online:
            return "dropped"
        if manifest.expiring:
            # Held and restored rows, late ones: each must be in the file as it is.
            alike = online <= manifest.rows and (quick or self._is_within(month, manifest))
            return "dropped" if alike else "stale"
        if online != manifest.rows:
            return "stale"
        alike = quick or self.months.digest(month).checksum == manifest.checksum
        return "fresh" if alike else "stale"

    def _is_within(self, month: date, manifest: Manifest) -> bool:
        archived = self.archive.hashes(self.table, month, manifest)
        return all(row_hash(row) in archived for row in self.months.rows(self.months.online, month))

    def verified(self, wanted: Sequence[date]) -> Iterator[Month]:
        for found in self.compared(wanted):
            if not found.checksum:
                yield found
                continue
            self.progress(f"{found.table} {found.month}: reading {found.rows:,} rows back")
            month = date.fromisoformat(f"{found.month}-01")
            try:
                manifest = self.archive.peek(self.table, month)
                assert manifest
                self.archive.hashes(self.table, month, manifest)
                yield found
            except (WarehouseError, OSError) as error:
                yield replace(found, state="failed", why=database.reason_of(error))

    def _online(self) -> Mapping[date, int]:
        moment = self.months.policy.moment
        with database.connect(self.settings) as connection:
            return count_by_month(connection, self.months.online, moment)

    def _month(
        self,
        month: date,
        state: State,
        online: int,
        manifest: Manifest | None = None,
        why: str = "",
    ) -> Month:
        return Month(
            self.table.name,
            months_name(month),
            state,
            manifest.rows if manifest else 0,
            online,
            *(self.archive.size(self.table, month) if manifest else (0, 0)),
            manifest.checksum if manifest else "",
            why,
        )


def url_of(settings: Settings) -> str:
    """Where the lake lies."""
    return Archive(settings).url
