"""SQLAlchemy MetaData for one engine, built from the schema of record.

The tables serve deployment and queries alike, under the record's names. MySQL gets everything the
record says. DuckDB gets primary and unique keys and a CHECK per enum: no foreign keys (it could not
update a parent row), no secondary indexes (zone maps serve the scans), no partitions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import FetchedValue

from orchestration.database import CHARSET, COLLATION
from orchestration.schema.record import Column, Record, Table, load_record
from orchestration.settings import Settings

LONGEST_NAME = 64  # MySQL's limit for any identifier
LONGEST_COLUMN_COMMENT = 1024
LONGEST_TABLE_COMMENT = 2048

# The business wall clock in whole seconds, as MySQL's current_timestamp gives it at +08:00. Built
# from the epoch, because DuckDB's own zone conversion needs an extension and a session setting.
DUCKDB_NOW = "date_trunc('second', make_timestamp(epoch_us(now()) + 28800000000))"

# Where the engines' arithmetic differs (DuckDB divides decimals as doubles), DuckDB's expression is
# spelled out: here the exact half-up rounding in whole numbers.
DUCKDB_GENERATED = {
    ("health_patients", "bmi"): (
        "(2 * cast(weight * 100 as bigint) * 10000000"
        " + cast(height * 100 as bigint) * cast(height * 100 as bigint))"
        " // nullif(2 * cast(height * 100 as bigint) * cast(height * 100 as bigint), 0) / 10"
    ),
}
_SQUARE = re.compile(r"(\([^()]*\)|\w+)\s*\^\s*2")


def build_metadata(record: Record, dialect: str, prefix: str = "") -> sa.MetaData:
    """All tables of the record for `dialect` ("mysql" or "duckdb"), each in prefix + database.

    Foreign keys to tables that the record leaves out (a part of a domain) are left out too.
    """
    metadata = sa.MetaData()
    names = {table.name for table in record}
    for table in record:
        _build_table(metadata, table, names, dialect, prefix)
    return metadata


def metadata_of(settings: Settings) -> sa.MetaData:
    """The tables of the domains that are switched on, for the chosen engine; not to be changed."""
    return _metadata(settings.domains, settings.dialect, settings.database_prefix)


@lru_cache(maxsize=16)
def _metadata(domains: tuple[str, ...], dialect: str, prefix: str) -> sa.MetaData:
    return build_metadata(load_record(domains), dialect, prefix)


def table_named(metadata: sa.MetaData, name: str) -> sa.Table:
    """The table of that name in any database; names are unique over all six."""
    for table in metadata.tables.values():
        if table.name == name:
            return table
    raise KeyError(name)


def _build_table(
    metadata: sa.MetaData, table: Table, names: set[str], dialect: str, prefix: str
) -> sa.Table:
    schema = prefix + table.database
    items: list[Any] = [_build_column(table, column, dialect) for column in table.stored_columns]
    items.append(sa.PrimaryKeyConstraint(*table.primary_key))
    items += [
        sa.UniqueConstraint(*key, name=key_name("uq", key) if dialect == "mysql" else None)
        for key in table.unique
    ]
    options: dict[str, Any] = {}
    if dialect == "mysql":
        items += [
            sa.ForeignKeyConstraint(
                [reference.column],
                [f"{schema}.{reference.table}.{reference.target_column}"],
                name=foreign_key_name(table.name, reference.column),
                ondelete="CASCADE" if reference.cascades else "RESTRICT",
            )
            for reference in table.references
            if reference.table in names
        ]
        options = {
            "mysql_engine": "InnoDB",
            "mysql_charset": CHARSET,
            "mysql_collate": COLLATION,
        }
    else:
        items += [
            sa.CheckConstraint(enum_check(column)) for column in table.columns if column.enum_values
        ]
    built = sa.Table(
        table.name,
        metadata,
        *items,
        schema=schema,
        comment=table_comment(table),
        quote=True,
        **options,
    )
    if dialect == "mysql":
        for columns in needed_indexes(table):
            sa.Index(key_name("ix", columns), *(built.c[name] for name in columns))
    return built


def needed_indexes(table: Table) -> tuple[tuple[str, ...], ...]:
    """The record's indexes, then one per foreign key that no key leads with.

    InnoDB would make those itself, under a name of its own choice.
    """
    leading = [*table.indexes, table.primary_key, *table.unique]
    served = {key[0] for key in leading}
    extra = [
        (reference.column,) for reference in table.references if reference.column not in served
    ]
    return (*table.indexes, *dict.fromkeys(extra))


def key_name(kind: str, columns: Iterable[str]) -> str:
    """`ix_tenant_id_created_at`, shortened with a hash where MySQL's 64 characters end."""
    return _shorten("_".join([kind, *columns]))


def foreign_key_name(table: str, column: str) -> str:
    """`fk_<table>_<column>`: unique in its database, as MySQL demands of constraint names."""
    return _shorten(f"fk_{table}_{column}")


def _shorten(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def enum_check(column: Column) -> str:
    """The CHECK of an enum column on DuckDB."""
    values = ", ".join(f"'{value}'" for value in column.enum_values)
    return f'"{column.name}" in ({values})'


def table_comment(table: Table) -> str:
    """The Chinese label, then the first sentence of the description."""
    return f"{table.label_zh}. {first_sentence(table.description)}".strip(". ")[
        :LONGEST_TABLE_COMMENT
    ]


def first_sentence(text: str) -> str:
    """The text up to the full stop that ends its first sentence, without it."""
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".")


def _build_column(table: Table, column: Column, dialect: str) -> sa.Column:
    arguments: list[Any] = []
    if column.generated:
        arguments.append(
            sa.Computed(generated_expression(table, column, dialect), persisted=dialect == "mysql")
        )
    return sa.Column(
        column.name,
        _TYPES[dialect](column),
        *arguments,
        nullable=column.nullable,
        server_default=None if column.generated else _server_default(column, dialect),
        server_onupdate=FetchedValue() if column.on_update and dialect == "mysql" else None,
        comment=first_sentence(column.description)[:LONGEST_COLUMN_COMMENT] or None,
        # Keywords differ between engines and versions ("position", "at", "library").
        quote=True,
        autoincrement=False,
    )


def generated_expression(table: Table, column: Column, dialect: str) -> str:
    """The record's expression in the engine's SQL; `x^2` is written out (in MySQL ^ is XOR).

    DuckDB's result is cast to the column's type, which rounds half up as MySQL's storing does.
    """
    assert column.generated is not None
    expression = _SQUARE.sub(r"(\1 * \1)", column.generated)
    if dialect == "mysql":
        return expression
    expression = DUCKDB_GENERATED.get((table.name, column.name), expression)
    return f"cast({expression} as {duckdb_type(column)})"


def _server_default(column: Column, dialect: str) -> Any:
    default = column.default
    if default is None:
        # Said aloud, or MySQL with explicit_defaults_for_timestamp off would make up its own.
        if dialect == "mysql" and column.nullable and column.base_type == "timestamp":
            return sa.text("NULL")
        return None
    if is_now(default):
        if dialect == "duckdb":
            return sa.text(DUCKDB_NOW)
        moment = "CURRENT_TIMESTAMP"
        return sa.text(f"{moment} ON UPDATE {moment}" if column.on_update else moment)
    if isinstance(default, bool):
        return sa.text(("false", "true")[default] if dialect == "duckdb" else str(int(default)))
    if isinstance(default, int):
        return sa.text(str(default))
    if column.base_type == "decimal" and dialect == "duckdb":
        return sa.text(str(default))
    return str(default)


def is_now(default: Any) -> bool:
    """Whether a default means the moment of writing."""
    return isinstance(default, str) and default.lower() in ("current_timestamp", "now()")


def _mysql_type(column: Column) -> sa.types.TypeEngine[Any]:
    arguments = column.type_arguments
    if column.is_boolean:
        return sa.Boolean()
    if column.enum_values:
        return mysql.ENUM(*column.enum_values)
    simple: dict[str, Callable[[], sa.types.TypeEngine[Any]]] = {
        "text": mysql.TEXT,
        "mediumtext": mysql.MEDIUMTEXT,
        "longtext": mysql.LONGTEXT,
        "tinyint": mysql.TINYINT,
        "datetime": mysql.DATETIME,
        "timestamp": mysql.TIMESTAMP,
        "double": mysql.DOUBLE,
    }
    if column.base_type in simple:
        return simple[column.base_type]()
    return _shared_type(column, arguments)


def _duckdb_type(column: Column) -> sa.types.TypeEngine[Any]:
    if column.is_boolean:
        return sa.Boolean()
    if column.enum_values or column.base_type in (
        "char", "varchar", "text", "mediumtext", "longtext",
    ):  # fmt: skip
        return sa.String()
    if column.base_type == "tinyint":
        return sa.SmallInteger()
    if column.base_type in ("timestamp", "datetime"):
        return sa.TIMESTAMP()
    if column.base_type == "double":
        return sa.Double()
    return _shared_type(column, column.type_arguments)


def _shared_type(column: Column, arguments: tuple[int, ...]) -> sa.types.TypeEngine[Any]:
    match column.base_type:
        case "char":
            return sa.CHAR(*arguments)
        case "varchar":
            return sa.String(*arguments)
        case "decimal":
            return sa.Numeric(*arguments)
        case "json":
            # Without this, None would be stored as the JSON text null instead of NULL.
            return sa.JSON(none_as_null=True)
        case "int":
            return sa.Integer()
        case "bigint":
            return sa.BigInteger()
        case "smallint":
            return sa.SmallInteger()
        case "date":
            return sa.Date()
        case "time":
            return sa.Time()
    raise ValueError(f"{column.name}: no rule for the type {column.data_type!r}")


_TYPES: dict[str, Callable[[Column], sa.types.TypeEngine[Any]]] = {
    "mysql": _mysql_type,
    "duckdb": _duckdb_type,
}


def column_type(column: Column, dialect: str) -> sa.types.TypeEngine[Any]:
    """A column's type on an engine, by SQLAlchemy's name of that."""
    return _TYPES[dialect](column)


def duckdb_type(column: Column) -> str:
    """The name of DuckDB's type for a column, in lower case as `duckdb_columns()` has it."""
    if column.is_boolean:
        return "boolean"
    match column.base_type:
        case "enum" | "char" | "varchar" | "text" | "mediumtext" | "longtext":
            return "varchar"
        case "int":
            return "integer"
        case "tinyint":
            return "smallint"
        case "datetime":
            return "timestamp"
        case "decimal":
            return "decimal({},{})".format(*column.type_arguments)
    return column.base_type
