"""Default rows that an installation starts with: `orchestration/schema/defaults/<table>.csv`.

They go into application tables, so they are not dbt seeds (a seed of that name would make the table
anew). A row is inserted where neither its primary key nor any of its unique keys is taken; a row
that somebody changed is left as it is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestration.errors import WarehouseError
from orchestration.schema.metadata import is_now, table_named
from orchestration.schema.record import Column, Record, Table

DEFAULTS = Path(__file__).with_name("defaults")
# The owner of everything that ships with the platform; system roles and default rules are its own.
DEFAULT_TENANT_ID = "00000000-0000-4000-8000-000000000001"
# What a CSV says for the day and the moment of the first deployment.
_TODAY, _NOW = "@today", "@now"


def default_tables(record: Record, folder: Path = DEFAULTS) -> tuple[Table, ...]:
    """The tables that have default rows, in the record's order."""
    names = {file.stem for file in folder.glob("*.csv")}
    return tuple(table for table in record if table.name in names)


def default_rows(table: Table, now: datetime, folder: Path = DEFAULTS) -> list[dict[str, Any]]:
    """The table's default rows with Python values, JSON decoded; empty for tables without a file.

    Timestamps that default to the moment of writing get `now`, so that a pinned clock gives
    the same rows on any day. Raises WarehouseError that names file, line and column of a bad value.
    """
    file = folder / f"{table.name}.csv"
    rows = []
    for number, texts in _read(file):
        row: dict[str, Any] = {
            column.name: now for column in table.stored_columns if is_now(column.default)
        }
        for name, text in texts.items():
            try:
                row[name] = _value(table.column(name), text, now)
            except (KeyError, ValueError, ArithmeticError) as error:
                raise WarehouseError(
                    f"{file.name}, line {number}, column {name}: {text!r} does not fit ({error}).",
                    fix="correct the file.",
                ) from None
        rows.append(row)
    return rows


def _read(file: Path) -> tuple[tuple[int, dict[str, str]], ...]:
    if not file.exists():
        return ()
    with file.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        return tuple((reader.line_num, dict(row)) for row in reader)


def _value(column: Column, text: str, now: datetime) -> Any:
    if text == "":
        return None
    if column.is_boolean:
        return {"true": True, "false": False}[text]
    if column.enum_values and text not in column.enum_values:
        raise ValueError(f"allowed are {', '.join(column.enum_values)}")
    match column.base_type:
        case "int" | "bigint":
            return int(text)
        case "decimal":
            return Decimal(text)
        case "json":
            return json.loads(text)
        case "date":
            return now.date() if text == _TODAY else date.fromisoformat(text)
        case "timestamp":
            return now if text == _NOW else datetime.fromisoformat(text)
        case "time":
            return time.fromisoformat(text)
        case "varchar" if len(text) > column.type_arguments[0]:
            raise ValueError(f"{len(text)} characters of {column.type_arguments[0]}")
    return text


def missing_rows(
    connection: sa.Connection | None,
    metadata: sa.MetaData,
    table: Table,
    now: datetime,
    folder: Path = DEFAULTS,
) -> list[dict[str, Any]]:
    """The default rows whose keys are all free; without a connection (no such table yet), all."""
    rows = default_rows(table, now, folder)
    if connection is None or not rows:
        return rows
    target = table_named(metadata, table.name)
    for key in (table.primary_key, *table.unique):
        # NULL in a unique key is never equal to anything.
        wanted = [key_of for row in rows if None not in (key_of := _key(row, key))]
        if not wanted:
            continue
        columns = [target.c[name] for name in key]
        found = connection.execute(
            sa.select(*columns).where(
                sa.or_(
                    *(
                        sa.and_(*(c == v for c, v in zip(columns, values, strict=True)))
                        for values in wanted
                    )
                )
            )
        )
        # Compared as the database compares: MySQL's collation ignores case.
        fold = str.casefold if connection.dialect.name == "mysql" else str
        taken = {tuple(fold(str(v)) for v in values) for values in found}
        rows = [row for row in rows if tuple(fold(str(v)) for v in _key(row, key)) not in taken]
        if not rows:
            break
    return rows


def _key(row: Mapping[str, Any], key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in key)


def insert_rows(
    connection: sa.Connection, metadata: sa.MetaData, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows in their order (parents first in tables that reference themselves)."""
    if rows:
        connection.execute(sa.insert(table_named(metadata, table)), [dict(row) for row in rows])


def insert_defaults(
    connection: sa.Connection, metadata: sa.MetaData, record: Record, now: datetime
) -> dict[str, int]:
    """Insert the default rows that are missing from deployed tables; rows inserted by table.

    For loaders that emptied tables; `warehouse deploy` does the same.
    """
    inserted = {}
    for table in default_tables(record):
        if rows := missing_rows(connection, metadata, table, now):
            insert_rows(connection, metadata, table.name, rows)
            inserted[table.name] = len(rows)
    return inserted
