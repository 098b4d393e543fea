"""Operations that are one condition and one change: which rows are due, and what becomes of them.

The rows are found by an index, and changed by primary key under the same condition: what the
application wrote in between stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from orchestration.operations.running import Run

# The conditions that a row must meet, all of them.
Due = Sequence[sa.ColumnElement[bool]]
# The values of a row's primary key.
Key = Sequence[Any]
Write = Callable[[sa.Connection, Sequence[Key]], int]


def update_due(run: Run, table: sa.Table, due: Due, **values: Any) -> None:
    """Set `values`, and updated_at, on all rows that are due."""
    sweep(run, table, due, updating(run, table, due, **values))


def delete_due(run: Run, table: sa.Table, due: Due) -> None:
    """Delete all rows that are due."""

    def write(connection: sa.Connection, keys: Sequence[Key]) -> int:
        lock_no_gaps(run, connection)
        return connection.execute(table.delete().where(of_keys(table, keys), *due)).rowcount

    sweep(run, table, due, write)


def sweep(run: Run, table: sa.Table, due: Due, write: Write) -> None:
    """Give the keys of all rows that are due to `write`, a tenant at a time."""
    key = list(table.primary_key)
    # Time before id, so that a batch of a partitioned table stays in few partitions.
    asked = sa.select(table.c.tenant_id, *key).where(*due).order_by(table.c.tenant_id, *key[::-1])
    with run.read() as connection:
        found = connection.execute(asked).all()
    run.examined += len(found)
    done = 0
    for tenant_id, group in groupby(found, lambda row: row.tenant_id):
        done += run.change(tenant_id, [row[1:] for row in group], write)
    run.notes.append(f"{table.name}: {done:,}")


def updating(run: Run, table: sa.Table, due: Due, **values: Any) -> Write:
    """What sets `values`, and updated_at, on those of a batch that are still due."""
    change = table.update().values(**values, updated_at=run.as_of)

    def write(connection: sa.Connection, keys: Sequence[Key]) -> int:
        lock_no_gaps(run, connection)
        return connection.execute(change.where(of_keys(table, keys), *due)).rowcount

    return write


def of_keys(table: sa.Table, keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    """Rows by id; the second column of a key is a time, which only names the partitions."""
    first, *others = table.primary_key
    ranges = [
        column.between(min(key[n] for key in keys), max(key[n] for key in keys))
        for n, column in enumerate(others, start=1)
    ]
    return sa.and_(first.in_([key[0] for key in keys]), *ranges)


def lock_no_gaps(run: Run, connection: sa.Connection) -> None:
    """Lock changed rows only: MySQL's default keeps what it looked at, and the gaps between.

    The first statement of a transaction.
    """
    if run.settings.is_mysql:
        connection.execute(sa.text("set transaction isolation level read committed"))
