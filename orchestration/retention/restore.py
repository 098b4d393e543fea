"""Putting an archived month back, exactly, beside newer rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.operations.running import only_one, transaction
from orchestration.retention.archive import Archive
from orchestration.retention.looking import schema_of
from orchestration.retention.plan import month_bounds
from orchestration.retention.policy import retained_table
from orchestration.retention.rows import Values, in_month, raw_table, read_rows, row_hash
from orchestration.retention.trail import leave
from orchestration.settings import Settings

BATCH_ROWS = 2_000


@dataclass(frozen=True)
class Restored:
    """What came back, what was there already, and until when retention leaves the month alone."""

    table: str
    month: str
    restored: int
    already_there: int
    keep_until: str


def restore(
    settings: Settings,
    name: str,
    month: date,
    keep_days: int = 30,
    progress: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Put the archived rows back and hold the result against the archive.

    WarehouseError, and nothing changed, where a row online has the key of an archived one but other
    content, or where the archive does not read back. Rows that are online as they were archived
    stay, so a restore that was cut off is simply run again.
    """
    table = retained_table(name)
    archive = Archive(settings)
    with only_one(settings, f"retention.{name}"):
        manifest = archive.manifest(table, month)
        if manifest is None:
            raise WarehouseError(
                f"The archive under {archive.url} has no {name} of {month:%Y-%m}.",
                fix="see `warehouse retention status` for what it has.",
            )
        assert table.retention
        online = raw_table(table, schema_of(settings, table))
        names = [c.name for c in table.stored_columns]
        key_at = [names.index(column) for column in table.primary_key]
        there: dict[Values, int] = {}
        where = in_month(online, table.retention.column, *month_bounds(month))
        with database.connect(settings) as connection:
            for values in read_rows(connection, table, online, *where):
                there[tuple(values[i] for i in key_at)] = row_hash(values)
        missing, same = 0, 0
        for values in archive.rows(table, month, manifest):
            key = tuple(values[i] for i in key_at)
            if key not in there:
                missing += 1
            elif there[key] == row_hash(values):
                same += 1
            else:
                raise WarehouseError(
                    f"{name} has the row {key[0]} online, but not as it was archived; nothing was "
                    "restored, because it would be overwritten.",
                    fix="move that row away, or run `warehouse retention run`, which takes rows as "
                    "they are now into the archive.",
                )
        until = clock.today(settings) + timedelta(days=keep_days)
        # Before the rows, or a retention run between would take them away again.
        archive.change(table, month, replace(manifest, expiring=True, keep_until=until.isoformat()))
        rows = (
            values
            for values in archive.rows(table, month, manifest)
            if tuple(values[i] for i in key_at) not in there
        )
        stored = [i for i, column in enumerate(table.stored_columns) if not column.generated]
        insert = sa.insert(online)

        def write(connection: sa.Connection, batch: Sequence[Values]) -> None:
            given = [{names[i]: values[i] for i in stored} for values in batch]
            connection.execute(insert, given)

        done = 0
        while batch := list(islice(rows, BATCH_ROWS)):
            try:
                transaction(settings, write, batch)
            except sa.exc.IntegrityError as error:
                raise WarehouseError(
                    f"{name}: rows cannot come back: {error.orig}. {done:,} did.",
                    fix="restore what they refer to first, then run the command again.",
                ) from error
            done += len(batch)
            progress(f"{name} {month:%Y-%m}: {done:,} of {missing:,} rows")
        _compare(settings, name, month)
        told = {"rows": done, "keep_until": until.isoformat(), "trigger": "manual"}
        leave(settings, "restore", name, of=f"{month:%Y-%m}", **told)
    return Restored(name, f"{month:%Y-%m}", done, same, until.isoformat())


def _compare(settings: Settings, name: str, month: date) -> None:
    table = retained_table(name)
    assert table.retention
    archive, online = Archive(settings), raw_table(table, schema_of(settings, table))
    manifest = archive.manifest(table, month)
    assert manifest
    wanted = archive.hashes(table, month, manifest)
    where = in_month(online, table.retention.column, *month_bounds(month))
    with database.connect(settings) as connection:
        wanted.difference_update(map(row_hash, read_rows(connection, table, online, *where)))
    if wanted:
        raise WarehouseError(
            f"{len(wanted):,} restored rows of {name} {month:%Y-%m} are not as they were archived.",
            fix="see whether an application changed them meanwhile; the archive has them.",
        )
