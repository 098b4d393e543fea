"""Months on their way into the archive: compared with what it has, merged in, never replaced.

Both the lake, which is filled when a month closes, and retention, which drops it, go this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.retention.archive import Archive, Damaged, Manifest
from orchestration.retention.looking import schema_of
from orchestration.retention.plan import month_bounds
from orchestration.retention.policy import Policy
from orchestration.retention.rows import Digest, Values, in_month, raw_table, read_rows, row_hash
from orchestration.schema.record import load_record
from orchestration.settings import Settings


class Archiving:
    """One table's."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        """Look at nothing yet."""
        self.settings, self.policy = settings, policy
        self.now = clock.now(settings)
        self.archive = Archive(settings)
        self.table = load_record().table(policy.table)
        self.online = raw_table(self.table, schema_of(settings, self.table))
        names = [c.name for c in self.table.stored_columns]
        self._key_at = [names.index(name) for name in self.table.primary_key]

    def rows(self, source: sa.TableClause, month: date) -> Iterator[Values]:
        """The month's rows in a table of these columns."""
        where = in_month(source, self.policy.moment, *month_bounds(month))
        with database.connect(self.settings) as connection:
            yield from read_rows(connection, self.table, source, *where)

    def digest(self, month: date) -> Digest:
        """Count and checksum of the month's rows that are online."""
        found = Digest()
        for values in self.rows(self.online, month):
            found.add(values)
        return found

    def archived(self, month: date) -> Manifest:
        """The manifest of a month whose archive was read back, and has all that is online."""
        known = self.archive.manifest(self.table, month)
        if known is None:
            return self.written(month, self.online)
        try:
            return self.merged(known, month, self.online)
        except Damaged:
            if known.expiring or self._count(month) < known.rows:
                raise
            return self.written(month, self.online)  # all of its rows are online

    def written(self, month: date, source: sa.TableClause, expiring: bool = False) -> Manifest:
        """The month's file, made of the source alone."""
        rows = self.rows(source, month)
        return self.archive.write(self.table, month, rows, self.now, expiring)

    def merged(self, known: Manifest, month: date, source: sa.TableClause) -> Manifest:
        """The archive with all rows of `source` in it, as they are; none that was archived goes."""
        archived = self.archive.hashes(self.table, month, known)
        seen, fresh = 0, []
        for values in self.rows(source, month):
            seen += 1
            if row_hash(values) not in archived:
                fresh.append(values)
        keys = {self.key(values) for values in fresh}

        def both() -> Iterator[Values]:
            for values in self.archive.rows(self.table, month, known):
                if self.key(values) not in keys:
                    yield values
            yield from fresh

        if fresh or not self.archive.is_current(self.table, known):
            known = self.archive.write(self.table, month, both(), self.now, known.expiring)
        if known.rows > seen and not known.expiring:  # somebody else deletes there
            known = replace(known, expiring=True)
            self.archive.change(self.table, month, known)
        return known

    def key(self, values: Values) -> Values:
        """The row's primary key."""
        return tuple(values[position] for position in self._key_at)

    def _count(self, month: date) -> int:
        where = in_month(self.online, self.policy.moment, *month_bounds(month))
        query = sa.select(sa.func.count()).select_from(self.online).where(*where)
        with database.connect(self.settings) as connection:
            return int(connection.scalar(query) or 0)
