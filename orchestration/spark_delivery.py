"""What the applications' side reads of what Spark built, copied into its database.

Write-backs and the rules of segments and tags join statistics with the applications' own rows, so
those few tables stand there too. Only days (or tables) that differ are written, each table in one
transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.manifest import Manifest
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.retention.rows import CHUNK_ROWS
from orchestration.rules.context import MARTS
from orchestration.schema.metadata import column_type, metadata_of
from orchestration.schema.record import Column, load_record
from orchestration.settings import Settings
from orchestration.spark_reader import partition_of, stored_nodes

DELIVERED = frozenset(
    {*(this.model for this in WRITE_BACKS.values()), *MARTS, "customer_behavior_statistics"}
)
Rows = list[tuple[Any, ...]]


def deliver(settings: Settings, manifest: Manifest, models: Collection[str]) -> Iterator[str]:
    """Copy what of `models` the applications' side reads; a sentence for each table."""
    for node in stored_nodes(manifest):
        if node["name"] in DELIVERED & set(models):
            written = _deliver(settings, node)
            yield f"{node['name']}: {written:,} rows into {settings.target}'s {node['schema']}"


def _deliver(settings: Settings, node: Mapping[str, Any]) -> int:
    table, day = _table(settings, node), _day_of(node)
    built = _by_day(settings.reading, table, day)
    with database.connect(settings) as connection:
        _make(connection, settings, table)
    stored = _by_day(settings, table, day)
    differ = [
        one
        for one in {*built, *stored}
        if Counter(built.get(one, ())) != Counter(stored.get(one, ()))
    ]
    rows = [row for one in differ for row in built.get(one, ())]
    names = [column.name for column in table.columns]
    with database.begin(settings) as connection:
        for one in differ:
            connection.execute(table.delete().where(table.c[day] == one) if day else table.delete())
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows[start : start + CHUNK_ROWS]
            connection.execute(
                table.insert(), [dict(zip(names, row, strict=True)) for row in chunk]
            )
    return len(rows)


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


def _by_day(settings: Settings, table: sa.Table, day: str) -> dict[Any, Rows]:
    found: dict[Any, Rows] = {}
    position = list(table.columns.keys()).index(day) if day else None
    with database.connect(settings, read_only=True) as connection:
        for row in connection.execute(sa.select(table)):
            key = row[position] if position is not None else None
            found.setdefault(key, []).append(tuple(row))
    return found
