"""What the applications' side reads of what Spark built, copied into its database.

Write-backs and the rules of segments and tags join statistics with the applications' own rows, so
those few tables stand there too. Both sides are read through and compared in parts: the keys whose
hashes begin alike, of a day where the table has days. Then only rows that differ are written, some
parts in a transaction, so that no table need fit into memory; a run that was killed is completed by
the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.manifest import Manifest
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.retention.rows import CHUNK_ROWS, Digest
from orchestration.rules.context import MARTS
from orchestration.schema.metadata import column_type, metadata_of
from orchestration.schema.record import Column, load_record
from orchestration.settings import Settings
from orchestration.spark.reader import partition_of, stored_nodes

DELIVERED = frozenset(
    {*(this.model for this in WRITE_BACKS.values()), *MARTS, "customer_behavior_statistics"}
)
# Rows of a transaction and in memory, and keys of a statement.
BATCH_ROWS, BATCH_KEYS = CHUNK_ROWS, 1_000
# How much of a key's hash says to which part it belongs: of a day, and of a table without days.
DIGITS_OF_A_DAY, DIGITS = 1, 3
# A day, or None, and the first digits of the hash.
Part = tuple[Any, str]
Values = tuple[Any, ...]


@dataclass(frozen=True)
class Copy:
    """A table that stands on both sides. The first of its keys is the primary one."""

    table: sa.Table
    keys: Sequence[Sequence[str]]
    day: str = ""

    def _hashed(self, settings: Settings) -> sa.ColumnElement[str]:
        """The same digits on either engine, whatever its collation."""
        text = sa.cast(self.table.c[self.keys[0][0]], sa.String)
        hashed = sa.func.sha2(text, 256) if settings.is_mysql else sa.func.sha256(text)
        return sa.func.substr(hashed, 1, DIGITS_OF_A_DAY if self.day else DIGITS)

    def read(self, settings: Settings, *where: Any) -> Iterator[tuple[Part, Values]]:
        """Rows with their part, streamed."""
        day = self.table.c[self.day] if self.day else sa.null()
        query = sa.select(
            day.label("part_day"), self._hashed(settings).label("part"), *self.table.c
        )
        with database.connect(settings, read_only=True) as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS)
            with streamed.execute(query.where(*where)) as result:
                for chunk in result.partitions(CHUNK_ROWS):
                    yield from (((row[0], row[1]), tuple(row[2:])) for row in chunk)

    def digests(self, settings: Settings) -> Mapping[Part, Digest]:
        """Count and checksum of each part."""
        found: defaultdict[Part, Digest] = defaultdict(Digest)
        for part, values in self.read(settings):
            found[part].add(values)
        return found

    def by_key(self, settings: Settings, parts: Iterable[Part]) -> dict[Values, Values]:
        """The rows of these parts."""
        digits: defaultdict[Any, list[str]] = defaultdict(list)
        for day, first in parts:
            digits[day].append(first)
        among = [sa.and_(self._hashed(settings).in_(digits[day]), *self._on(day)) for day in digits]
        found: dict[Values, Values] = {}
        for _, values in self.read(settings, sa.or_(*among)):
            if found.setdefault(self.key(values, self.keys[0]), values) is not values:
                raise WarehouseError(
                    f"{self.table.name} has two rows with the same {', '.join(self.keys[0])}.",
                    fix="see what dbt's tests of the model say, mend that, and build it again.",
                )
        return found

    def _on(self, day: Any) -> Sequence[sa.ColumnElement[bool]]:
        return [self.table.c[self.day] == day] if self.day else []

    def key(self, values: Values, columns: Sequence[str]) -> Values:
        """A row's values of a key."""
        names = list(self.table.c.keys())
        return tuple(values[names.index(column)] for column in columns)

    def delete(
        self, connection: sa.Connection, columns: Sequence[str], keys: Sequence[Values]
    ) -> None:
        """Remove the rows that have these keys."""
        known = sa.tuple_(*(self.table.c[column] for column in columns))
        for start in range(0, len(keys), BATCH_KEYS):
            chunk = keys[start : start + BATCH_KEYS]
            connection.execute(self.table.delete().where(known.in_(chunk)))


def deliver(settings: Settings, manifest: Manifest, models: Collection[str]) -> Iterator[str]:
    """Copy what of `models` the applications' side reads; a sentence for each table."""
    for node in stored_nodes(manifest):
        if node["name"] in DELIVERED & set(models):
            written = _deliver(settings, node)
            yield f"{node['name']}: {written:,} rows into {settings.target}'s {node['schema']}"


def batches(sizes: Mapping[Part, int]) -> Iterator[list[Part]]:
    """Parts in order, as many at once as have BATCH_ROWS rows together, or a larger one alone."""
    batch: list[Part] = []
    rows = 0
    for part in sorted(sizes, key=str):
        if batch and rows + sizes[part] > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(part)
        rows += sizes[part]
    if batch:
        yield batch


def _deliver(settings: Settings, node: Mapping[str, Any]) -> int:
    copy = Copy(_table(settings, node), _keys(settings, node), _day_of(node))
    with database.connect(settings) as connection:
        _make(connection, settings, copy.table)
    built, stored = copy.digests(settings.reading), copy.digests(settings)
    nothing = Digest()
    differ = {
        part: max(built.get(part, nothing).rows, stored.get(part, nothing).rows)
        for part in built.keys() | stored.keys()
        if built.get(part) != stored.get(part)
    }
    return sum(_write(settings, copy, parts) for parts in batches(differ))


def _write(settings: Settings, copy: Copy, parts: Sequence[Part]) -> int:
    """Make the rows of these parts what Spark has, in one transaction; how many were written."""
    built, stored = copy.by_key(settings.reading, parts), copy.by_key(settings, parts)
    gone = [key for key, values in stored.items() if built.get(key) != values]
    rows = [values for key, values in built.items() if stored.get(key) != values]
    names = list(copy.table.c.keys())
    with database.begin(settings) as connection:
        copy.delete(connection, copy.keys[0], gone)
        for columns in copy.keys:  # a row of another part may still have them
            copy.delete(connection, columns, [copy.key(values, columns) for values in rows])
        if rows:
            _insert(connection, copy.table, [dict(zip(names, row, strict=True)) for row in rows])
    return len(rows)


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if connection.dialect.name == "mysql":
        connection.execute(table.insert(), rows)
        return
    with database.rows_as_table(connection, rows) as batch:
        connection.execute(table.insert().from_select(list(rows[0]), sa.select(*batch.c)))


def _keys(settings: Settings, node: Mapping[str, Any]) -> list[Sequence[str]]:
    """What no two rows have alike: of the record's table, or as dbt makes it."""
    known = {table.name: table for table in load_record(settings.domains)}
    if table := known.get(node["name"]):
        keys = [table.primary_key, *table.unique]
        return [key for key in keys if set(key) <= set(node["columns"])]
    return [node["config"]["primary_key"]]


def _day_of(node: Mapping[str, Any]) -> str:
    """By which it is compared; a table without days is compared as a whole."""
    cut = partition_of(node)
    return cut if cut in node["columns"] else ""


def _table(settings: Settings, node: Mapping[str, Any]) -> sa.Table:
    """The record's table, or the model's columns in the types of its YAML."""
    name = node["name"]
    if any(table.name == name for table in load_record(settings.domains)):
        known = metadata_of(settings).tables[f"{node['schema']}.{name}"]
        named = [sa.Column(column, known.c[column].type) for column in node["columns"]]
    else:
        named = [
            sa.Column(
                column, column_type(Column(column, told["data_type"], "", ""), settings.dialect)
            )
            for column, told in node["columns"].items()
        ]
    # as dbt makes it on MySQL
    keys: list[Any] = [
        sa.Index(f"ix_{name}_{number}", *columns)
        for number, columns in enumerate(node["config"].get("indexes") or ())
    ]
    if primary := node["config"].get("primary_key"):
        keys.append(sa.PrimaryKeyConstraint(*primary))
    return sa.Table(
        name,
        sa.MetaData(),
        *named,
        *keys,
        schema=node["schema"],
        mysql_charset=database.CHARSET,
        mysql_collate=database.COLLATION,
    )


def _make(connection: sa.Connection, settings: Settings, table: sa.Table) -> None:
    """The table where it is missing, or has other columns; the record's are `deploy`'s to make."""
    named = sa.column("column_name"), sa.column("table_schema"), sa.column("table_name")
    known = sa.table("columns", *named, schema="information_schema")
    asked = sa.select(named[0]).select_from(known)
    asked = asked.where(named[1] == table.schema, named[2] == table.name)
    if {column.name for column in table.columns} <= set(connection.scalars(asked)):
        return
    if any(known.name == table.name for known in load_record(settings.domains)):
        raise WarehouseError(
            f"{table.schema}.{table.name} is not as the record has it.",
            fix="run `warehouse deploy`.",
        )
    table.drop(connection, checkfirst=True)
    table.create(connection)
    connection.commit()
