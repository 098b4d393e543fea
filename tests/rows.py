"""Rows for tests that say only what matters: the rest is made up, so that any table takes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.record import Column, load_record
from orchestration.settings import Settings

Row = dict[str, Any]
NOW = datetime(2026, 2, 28, 13, 45, 30)


def table(settings: Settings, name: str) -> sa.Table:
    """A table of the schema of record."""
    return table_named(metadata_of(settings), name)


def make_tables(settings: Settings, names: Iterable[str]) -> None:
    """Create these tables, empty and without foreign keys, for the rows here have no parents."""
    wanted = [table(settings, name) for name in dict.fromkeys(names)]
    with database.begin(settings) as connection:
        for schema in sorted({str(t.schema) for t in wanted}):
            kind = "database" if settings.is_mysql else "schema"
            connection.exec_driver_sql(f"create {kind} {schema}")
        for each in wanted:
            plain = each.to_metadata(sa.MetaData())
            for key in [*plain.foreign_key_constraints]:
                plain.constraints.discard(key)
            plain.create(connection)


def insert(settings: Settings, name: str, *rows: Row) -> None:
    """Insert rows; what they do not say and must have is made up, with ids by number."""
    must = {
        column.name: _filler(column)
        for column in load_record().table(name).stored_columns
        if not column.nullable and column.default is None
    }
    alike: dict[tuple[str, ...], list[Row]] = {}
    for number, row in enumerate(rows):
        known = must | {"id": f"{name}-{number}"} | row
        alike.setdefault(tuple(sorted(known)), []).append(known)
    with database.begin(settings) as connection:
        for listed in alike.values():
            connection.execute(table(settings, name).insert(), listed)


def change(settings: Settings, name: str, *where: sa.ColumnElement[bool], **values: Any) -> None:
    """Update rows, by default all."""
    with database.begin(settings) as connection:
        connection.execute(table(settings, name).update().where(*where).values(**values))


def rows(settings: Settings, name: str) -> list[Row]:
    """All rows of a table, by id."""
    found = table(settings, name)
    with database.connect(settings) as connection:
        wanted = sa.select(found).order_by(found.c.id)
        return [dict(row) for row in connection.execute(wanted).mappings()]


def _filler(column: Column) -> Any:
    if column.enum_values:
        return column.enum_values[0]
    return {"timestamp": NOW, "date": NOW.date(), "json": {}}.get(column.base_type, "0")
