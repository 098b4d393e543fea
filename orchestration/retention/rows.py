"""Rows as both sides see them: read raw, made canonical, and summed to an order-independent digest.

The digest is the sum of the rows' hashes modulo 2^128: order does not matter, doubled rows do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from orchestration.errors import WarehouseError
from orchestration.schema.record import Column, Table

CHUNK_ROWS = 20_000
Values = tuple[Any, ...]


@dataclass
class Digest:
    """Count and checksum of the rows that it was shown."""

    rows: int = 0
    total: int = 0

    def add(self, values: Values) -> int:
        """Take one row in; its own hash."""
        found = row_hash(values)
        self.rows += 1
        self.total = (self.total + found) % (1 << 128)
        return found

    @property
    def checksum(self) -> str:
        """As manifests have it."""
        return f"{self.total:032x}"


def row_hash(values: Values) -> int:
    """The hash of one canonical row, the same in every process and on every version."""
    text = json.dumps(values, default=str)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


def raw_table(table: Table, schema: str, name: str = "") -> sa.TableClause:
    """The table, or another of the same columns, whose values stay as the driver gives them.

    JSON must come back letter by letter, and a value outside an enum must not stop the reading.
    """
    columns = [sa.column(quoted_name(c.name, True)) for c in table.stored_columns]
    return sa.table(quoted_name(name or table.name, True), *columns, schema=schema)


def read_rows(
    connection: sa.Connection, table: Table, source: sa.TableClause, *where: Any
) -> Iterator[Values]:
    """Canonical rows, streamed; the connection is busy until they end."""
    query = select_all(connection, table, source).where(*where)
    streamed = connection.execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS)
    with streamed.execute(query) as result:
        for chunk in result.partitions(CHUNK_ROWS):
            yield from canonical_rows(table, chunk)


def select_all(connection: sa.Connection, table: Table, source: sa.TableClause) -> sa.Select[Any]:
    """All stored columns; JSON as text, which DuckDB's driver would take apart."""
    if connection.dialect.name == "mysql":
        return sa.select(*source.c)
    return sa.select(
        *(
            sa.cast(source.c[c.name], sa.String) if c.base_type == "json" else source.c[c.name]
            for c in table.stored_columns
        )
    )


def canonical_rows(table: Table, rows: Iterable[Sequence[Any]]) -> Iterator[Values]:
    """Rows of all stored columns, as the driver gives them, as Parquet gives them back."""
    turns = [canonical(table, column) for column in table.stored_columns]
    for row in rows:
        yield tuple(
            value if turn is None or value is None else turn(value)
            for turn, value in zip(turns, row, strict=True)
        )


def canonical(table: Table, column: Column) -> Callable[[Any], Any] | None:
    """What makes the driver's value the one that Parquet gives back; None where it is the same."""
    if column.is_boolean:

        def as_boolean(value: Any) -> bool:
            if value not in (0, 1):
                raise WarehouseError(
                    f"{table.name}.{column.name} holds {value!r}, which is neither true nor false.",
                    fix="correct the rows; an archive must give back what was there.",
                )
            return bool(value)

        return as_boolean
    if column.base_type == "time":
        return _as_time
    return None


def _as_time(value: time | timedelta) -> time:
    # PyMySQL gives a span, which may be longer than a day: that raises.
    return value if isinstance(value, time) else (datetime.min + value).time()


def in_month(source: sa.TableClause, moment: str, start: datetime, end: datetime) -> Sequence[Any]:
    """The condition of a half-open span."""
    return (source.c[moment] >= start, source.c[moment] < end)
