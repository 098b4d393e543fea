"""What is deployed, read from either engine, and how it differs from the schema of record.

Reading goes to the catalogues (`information_schema`, `duckdb_*()`): SQLAlchemy's reflection breaks
on DuckDB 2.0 and blurs MySQL's facts. Both engines come back in one form, in which enums keep their
values (DuckDB's CHECK is read back into them). Comparing is pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal

import duckdb
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from orchestration.database import COLLATION
from orchestration.schema.metadata import (
    build_metadata,
    duckdb_type,
    generated_expression,
    is_now,
    needed_indexes,
    table_named,
)
from orchestration.schema.partitions import Partition, bound_of, is_aligned, plan_partitions
from orchestration.schema.record import Column, Record, Reference, Table, load_record
from orchestration.settings import DATABASES

# deploy: `warehouse deploy` mends it without losing anything; by hand: it might lose data or fail
# on the rows that are there; note: harmless, and deploy leaves it alone.
Remedy = Literal["deploy", "by hand", "note"]
TableKey = tuple[str, str]  # database without prefix, table

_NOW = "current_timestamp"
_INTEGER_WIDTH = re.compile(r"^(smallint|mediumint|int|bigint)\(\d+\)")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_INTEGERS = ("smallint", "int", "integer", "bigint")
_TEXTS = ("text", "mediumtext", "longtext")


@dataclass(frozen=True)
class DeployedColumn:
    """One column as an engine has it, in the form that both engines share.

    `data_type` as the record writes it for MySQL, DuckDB's own name there, enums with their values.
    `default` is bare text (`0`, `active`, `current_timestamp`), None without any. `generated` is
    the expression without quotes, brackets and spaces.
    """

    name: str
    data_type: str
    nullable: bool = True
    default: str | None = None
    on_update: bool = False
    generated: str | None = None


@dataclass(frozen=True)
class DeployedTable:
    """One table as an engine has it; `indexes` are the non-unique ones, by their columns."""

    name: str
    database: str
    columns: tuple[DeployedColumn, ...]
    primary_key: tuple[str, ...] = ()
    unique: frozenset[tuple[str, ...]] = frozenset()
    indexes: Mapping[tuple[str, ...], str] | None = None
    references: frozenset[Reference] = frozenset()
    partition_by_month: str | None = None
    partitions: tuple[Partition, ...] = ()
    collation: str | None = None
    engine: str | None = None
    # Said of what the record has.
    is_empty: bool = False


@dataclass(frozen=True)
class Difference:
    """One way in which a deployed table is not what the record says."""

    database: str
    table: str
    kind: str  # "missing column", "changed type", "extra index", …
    what: str  # the column, key or partition
    expected: str
    found: str
    remedy: Remedy

    def __str__(self) -> str:
        """One line that names the place, for reports."""
        subject = f"{self.database}.{self.table}" + (f".{self.what}" if self.what else "")
        detail = {
            (True, True): f": the record says {self.expected}, deployed is {self.found}",
            (True, False): f": {self.expected}",
            (False, True): f": {self.found}",
        }.get((bool(self.expected), bool(self.found)), "")
        return f"{subject}: {self.kind}{detail}"


# --- what the record expects -----------------------------------------------------------------


def expected_table(table: Table, dialect: str, names: Iterable[str]) -> DeployedTable:
    """The form in which `table` would be read back right after it was deployed."""
    on_mysql = dialect == "mysql"
    return DeployedTable(
        name=table.name,
        database=table.database,
        columns=tuple(_expected_column(table, c, dialect) for c in table.stored_columns),
        primary_key=table.primary_key,
        unique=frozenset(table.unique),
        indexes=dict.fromkeys(needed_indexes(table), "") if on_mysql else {},
        references=frozenset(r for r in table.references if r.table in set(names))
        if on_mysql
        else frozenset(),
        partition_by_month=table.partition_by_month if on_mysql else None,
        collation=COLLATION if on_mysql else None,
        engine="InnoDB" if on_mysql else None,
    )


def _expected_column(table: Table, column: Column, dialect: str) -> DeployedColumn:
    generated = None
    if column.generated:
        generated = (
            _bare(generated_expression(table, column, "mysql"))
            if dialect == "mysql"
            else _duckdb_generated(table)[column.name]
        )
    return DeployedColumn(
        name=column.name,
        data_type=_expected_type(column, dialect),
        nullable=column.nullable and column.name not in table.primary_key,
        default=None if generated else _expected_default(column.default),
        on_update=column.on_update and dialect == "mysql",
        generated=generated,
    )


def _expected_type(column: Column, dialect: str) -> str:
    if column.enum_values:
        return enum_type(column.enum_values)
    return duckdb_type(column) if dialect == "duckdb" else column.data_type.replace(", ", ",")


def enum_type(values: Iterable[str]) -> str:
    """`enum('a','b')`, as `information_schema` writes it."""
    return "enum({})".format(",".join(f"'{value}'" for value in values))


def _expected_default(default: Any) -> str | None:
    if default is None:
        return None
    if is_now(default):
        return _NOW
    return str(int(default)) if isinstance(default, bool) else str(default)


@lru_cache(maxsize=128)
def _duckdb_generated(table: Table) -> dict[str, str]:
    """How DuckDB renders the table's generated expressions: asked of one in memory."""
    built = table_named(build_metadata(Record((table,)), "duckdb"), table.name)
    with duckdb.connect(":memory:") as memory:
        memory.execute(f'create schema "{table.database}"')
        engine = sa.create_engine("duckdb:///:memory:")
        memory.execute(str(CreateTable(built).compile(dialect=engine.dialect)))
        rows = memory.execute(
            "select column_name, column_default from duckdb_columns() "
            "where table_name = ? and is_generated",
            [table.name],
        ).fetchall()
    return {name: _bare(expression) for name, expression in rows}


def _bare(expression: str) -> str:
    """An expression without what servers add: quotes, brackets, spaces, character sets."""
    return re.sub(r"[`\"()\s]|_utf8mb4", "", expression).lower()


# --- reading ---------------------------------------------------------------------------------


def read_databases(connection: sa.Connection, prefix: str) -> set[str]:
    """The databases of this installation that exist, without the prefix."""
    rows = connection.scalars(
        sa.text("select distinct schema_name from information_schema.schemata")
    ).all()
    return {name.removeprefix(prefix) for name in rows if name.startswith(prefix)}


def read_deployed(
    connection: sa.Connection, databases: Iterable[str], prefix: str = ""
) -> dict[TableKey, DeployedTable]:
    """All base tables of these databases (named without the prefix), by database and name."""
    schemas = [prefix + name for name in databases]
    read = _read_mysql if connection.dialect.name == "mysql" else _read_duckdb
    found = read(connection, schemas, prefix) if schemas else []
    return {(table.database, table.name): table for table in found}


def _rows(connection: sa.Connection, sql: str, schemas: Sequence[str]) -> Sequence[sa.Row[Any]]:
    statement = sa.text(sql).bindparams(sa.bindparam("schemas", expanding=True))
    return connection.execute(statement, {"schemas": schemas}).all()


def _empty_tables(
    connection: sa.Connection, tables: Sequence[TableKey], prefix: str
) -> set[TableKey]:
    """Which of the record's tables (schema with prefix) hold no row; looks at one row of each.

    Into others nobody need look, and a monitor may not.
    """
    known = {(prefix + table.database, table.name) for table in load_record()}
    keys = [key for key in tables if key in known]
    quote = connection.dialect.identifier_preparer.quote
    filled = []
    for start in range(0, len(keys), 60):  # MySQL opens at most 61 tables in one join
        parts = [
            f"select {i} as n, exists(select 1 from {quote(schema)}.{quote(name)}) as filled"
            for i, (schema, name) in enumerate(keys[start : start + 60], start)
        ]
        filled += connection.exec_driver_sql(" union all ".join(parts)).all()
    return {keys[n] for n, is_filled in filled if not is_filled}


def _read_mysql(
    connection: sa.Connection, schemas: Sequence[str], prefix: str
) -> list[DeployedTable]:
    tables = _rows(
        connection,
        "select table_schema, table_name, table_collation, engine from information_schema.tables "
        "where table_schema in :schemas and table_type = 'BASE TABLE' order by 1, 2",
        schemas,
    )
    columns: dict[TableKey, list[DeployedColumn]] = defaultdict(list)
    for row in _rows(
        connection,
        "select table_schema, table_name, column_name, column_type, is_nullable, column_default, "
        "extra, generation_expression from information_schema.columns "
        "where table_schema in :schemas order by table_schema, table_name, ordinal_position",
        schemas,
    ):
        columns[row[0], row[1]].append(_mysql_column(*row[2:]))
    keys: dict[TableKey, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    unique_names: set[tuple[str, str, str]] = set()
    for schema, table, name, not_unique, column in _rows(
        connection,
        "select table_schema, table_name, index_name, non_unique, column_name "
        "from information_schema.statistics where table_schema in :schemas "
        "order by table_schema, table_name, index_name, seq_in_index",
        schemas,
    ):
        keys[schema, table][name].append(column)
        if not not_unique:
            unique_names.add((schema, table, name))
    references: dict[TableKey, set[Reference]] = defaultdict(set)
    for schema, table, column, parent, parent_column, rule in _rows(
        connection,
        "select k.table_schema, k.table_name, k.column_name, k.referenced_table_name, "
        "k.referenced_column_name, r.delete_rule from information_schema.key_column_usage as k "
        "join information_schema.referential_constraints as r "
        "on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name "
        "where k.table_schema in :schemas and k.referenced_table_name is not null",
        schemas,
    ):
        references[schema, table].add(
            Reference(column, parent, parent_column, cascades=rule == "CASCADE")
        )
    partitions: dict[TableKey, list[Partition]] = defaultdict(list)
    partition_columns: dict[TableKey, str] = {}
    for schema, table, name, description, expression in _rows(
        connection,
        "select table_schema, table_name, partition_name, partition_description, "
        "partition_expression from information_schema.partitions "
        "where table_schema in :schemas and partition_name is not null "
        "order by table_schema, table_name, partition_ordinal_position",
        schemas,
    ):
        column = re.fullmatch(r"unix_timestamp\(`?(\w+)`?\)", expression, re.IGNORECASE)
        partition_columns[schema, table] = column[1] if column else expression
        if column:
            partitions[schema, table].append(Partition(name, bound_of(description)))
    empty = _empty_tables(connection, [(schema, name) for schema, name, *_ in tables], prefix)
    return [
        DeployedTable(
            name=name,
            database=schema.removeprefix(prefix),
            columns=tuple(columns[key]),
            primary_key=tuple(keys[key].get("PRIMARY", ())),
            unique=frozenset(
                tuple(cols)
                for index, cols in keys[key].items()
                if (schema, name, index) in unique_names and index != "PRIMARY"
            ),
            indexes={
                tuple(cols): index
                for index, cols in keys[key].items()
                if (schema, name, index) not in unique_names
            },
            references=frozenset(references[key]),
            partition_by_month=partition_columns.get(key),
            partitions=tuple(partitions[key]),
            collation=collation,
            engine=engine,
            is_empty=key in empty,
        )
        for schema, name, collation, engine in tables
        for key in [(schema, name)]
    ]


def _mysql_column(
    name: str, data_type: str, nullable: str, default: str | None, extra: str, expression: str
) -> DeployedColumn:
    data_type = data_type.decode() if isinstance(data_type, bytes) else data_type
    if default is not None and default.lower().startswith(_NOW):
        default = _NOW
    return DeployedColumn(
        name=name,
        # Servers before 8.0.19 say int(11); the width means nothing, except in tinyint(1).
        data_type=_INTEGER_WIDTH.sub(r"\1", data_type),
        nullable=nullable == "YES",
        default=default,
        on_update="on update" in extra.lower(),
        generated=_bare(expression) if expression else None,
    )


def _read_duckdb(
    connection: sa.Connection, schemas: Sequence[str], prefix: str
) -> list[DeployedTable]:
    here = "database_name = current_database() and schema_name in :schemas"
    tables = _rows(
        connection,
        f"select schema_name, table_name from duckdb_tables() where {here} order by 1, 2",
        schemas,
    )
    primary: dict[TableKey, tuple[str, ...]] = {}
    unique: dict[TableKey, set[tuple[str, ...]]] = defaultdict(set)
    enums: dict[TableKey, dict[str, str]] = defaultdict(dict)
    for schema, table, kind, columns, expression in _rows(
        connection,
        "select schema_name, table_name, constraint_type, constraint_column_names, expression "
        f"from duckdb_constraints() where {here}",
        schemas,
    ):
        if kind == "PRIMARY KEY":
            primary[schema, table] = tuple(columns)
        elif kind == "UNIQUE":
            unique[schema, table].add(tuple(columns))
        elif kind == "CHECK" and len(columns) == 1 and re.search(r"\bIN\b", expression):
            values = [value.replace("''", "'") for value in _LITERAL.findall(expression)]
            enums[schema, table][columns[0]] = enum_type(values)
    found_columns: dict[TableKey, list[DeployedColumn]] = defaultdict(list)
    for schema, table, name, data_type, nullable, default, generated in _rows(
        connection,
        "select schema_name, table_name, column_name, data_type, is_nullable, column_default, "
        f"is_generated from duckdb_columns() where {here} "
        "order by schema_name, table_name, column_index",
        schemas,
    ):
        key = (schema, table)
        found_columns[key].append(
            DeployedColumn(
                name=name,
                data_type=enums[key].get(name, data_type.lower()),
                nullable=nullable and name not in primary.get(key, ()),
                default=None if generated else _duckdb_default(default),
                generated=_bare(default) if generated else None,
            )
        )
    indexes: dict[TableKey, dict[tuple[str, ...], str]] = defaultdict(dict)
    for schema, table, name, expressions in _rows(
        connection,
        f"select schema_name, table_name, index_name, expressions from duckdb_indexes() "
        f"where {here}",
        schemas,
    ):
        indexes[schema, table][tuple(re.findall(r"\w+", expressions))] = name
    empty = _empty_tables(connection, [(schema, name) for schema, name in tables], prefix)
    return [
        DeployedTable(
            name=name,
            database=schema.removeprefix(prefix),
            columns=tuple(found_columns[key]),
            primary_key=primary.get(key, ()),
            unique=frozenset(unique[key]),
            indexes=indexes[key],
            is_empty=key in empty,
        )
        for schema, name in tables
        for key in [(schema, name)]
    ]


def _duckdb_default(text: str | None) -> str | None:
    if text is None or text.upper() == "NULL":
        return None
    if "now()" in text:
        return _NOW
    text = re.sub(r"^CAST\((.*) AS \w+\)$", r"\1", text)
    if text in ("true", "false", "'t'", "'f'"):
        return str(int("t" in text))
    literal = _LITERAL.fullmatch(text)
    return literal[1].replace("''", "'") if literal else text


# --- comparing -------------------------------------------------------------------------------


def differences(
    record: Record,
    deployed: Mapping[TableKey, DeployedTable],
    dialect: str,
    as_of: date | None = None,
) -> list[Difference]:
    """Every difference, both ways, in the record's order; then what no record knows.

    With `as_of` the partitions through three months after it count too. Extra tables count in the
    six application databases only: `warehouse` is dbt's to fill.
    """
    names = [table.name for table in record]
    found: list[Difference] = []
    for table in record:
        there = deployed.get((table.database, table.name))
        if there is None:
            found.append(
                Difference(table.database, table.name, "missing table", "", "", "", "deploy")
            )
        else:
            changes = compare(expected_table(table, dialect, names), there)
            found += changes
            if as_of and there.partitions and not any(c.remedy == "by hand" for c in changes):
                found += _missing_partitions(there, as_of)
    known = {(table.database, table.name) for table in record} | record.rebuilt
    found += [
        Difference(database, name, "extra table", "", "", "", "note")
        for database, name in sorted(deployed)
        if (database, name) not in known and database in DATABASES.values()
    ]
    return found


def _missing_partitions(table: DeployedTable, as_of: date) -> list[Difference]:
    there = {partition.name for partition in table.partitions}
    return [
        Difference(table.database, table.name, "missing partition", part.name, "", "", "deploy")
        for step in plan_partitions(table.partitions, None, as_of)
        for part in step.parts
        if part.name not in there
    ]


def compare(expected: DeployedTable, found: DeployedTable) -> list[Difference]:
    """How one deployed table differs from what it should be."""

    def difference(
        kind: str, what: str, remedy: Remedy, want: object = "", have: object = ""
    ) -> Difference:
        return Difference(
            expected.database, expected.name, kind, what, str(want), str(have), remedy
        )

    result = []
    want_columns = {column.name: column for column in expected.columns}
    have_columns = {column.name: column for column in found.columns}
    for name, want in want_columns.items():
        have = have_columns.get(name)
        if have is None:
            can = want.nullable or want.default is not None or want.generated or found.is_empty
            remedy: Remedy = "deploy" if can else "by hand"
            result.append(difference("missing column", name, remedy, want.data_type))
            continue
        for kind, remedy, a, b in _column_changes(want, have, found.is_empty):
            result.append(difference(kind, name, remedy, a, b))
    for name, have in have_columns.items():
        if name not in want_columns:
            result.append(difference("extra column", name, "by hand", "", have.data_type))
    if expected.primary_key != found.primary_key:
        result.append(
            difference(
                "changed primary key",
                "",
                "by hand",
                _listed(expected.primary_key),
                _listed(found.primary_key) if found.primary_key else "none",
            )
        )
    for key in sorted(expected.unique - found.unique):
        result.append(difference("missing unique key", _listed(key), "deploy"))
    for key in sorted(found.unique - expected.unique):
        result.append(difference("extra unique key", _listed(key), "note"))
    want_indexes, have_indexes = expected.indexes or {}, found.indexes or {}
    for key in sorted(want_indexes.keys() - have_indexes.keys()):
        result.append(difference("missing index", _listed(key), "deploy"))
    for key in sorted(have_indexes.keys() - want_indexes.keys()):
        result.append(difference("extra index", _listed(key), "note"))
    for reference in sorted(expected.references - found.references, key=str):
        clash = any(r.column == reference.column for r in found.references)
        result.append(
            difference(
                "changed foreign key" if clash else "missing foreign key",
                reference.column,
                "by hand" if clash else "deploy",
                f"{reference.table}.{reference.target_column}",
            )
        )
    wanted = {r.column for r in expected.references}
    for reference in sorted(found.references - expected.references, key=str):
        if reference.column not in wanted:
            result.append(
                difference(
                    "extra foreign key",
                    reference.column,
                    "note",
                    "",
                    f"{reference.table}.{reference.target_column}",
                )
            )
    if expected.partition_by_month != found.partition_by_month:
        result.append(
            difference(
                "changed partitioning",
                "",
                "by hand",
                f"by month of {expected.partition_by_month}"
                if expected.partition_by_month
                else "none",
                f"by {found.partition_by_month}" if found.partition_by_month else "none",
            )
        )
    elif expected.partition_by_month:
        for partition in found.partitions:
            if not is_aligned(partition):
                result.append(
                    difference(
                        "odd partition",
                        partition.name,
                        "by hand",
                        "months named pYYYYMM that end at midnight, +08:00",
                        f"rows before {partition.before}",
                    )
                )
    for kind, want_text, have_text in (
        ("changed collation", expected.collation, found.collation),
        ("changed storage engine", expected.engine, found.engine),
    ):
        if want_text and want_text != have_text:
            result.append(difference(kind, "", "by hand", want_text, have_text))
    return result


def _listed(columns: Sequence[str]) -> str:
    return f"({', '.join(columns)})"


def _column_changes(
    want: DeployedColumn, have: DeployedColumn, is_empty: bool
) -> list[tuple[str, Remedy, str, str]]:
    changes: list[tuple[str, Remedy, str, str]] = []
    if bool(want.generated) != bool(have.generated):
        changes.append(
            (
                "changed generation",
                "by hand",
                want.generated or "a stored value",
                have.generated or "a stored value",
            )
        )
        return changes
    if want.data_type != have.data_type:
        remedy: Remedy = "deploy" if is_wider(want.data_type, have.data_type) else "by hand"
        changes.append(("changed type", remedy, want.data_type, have.data_type))
    if want.nullable != have.nullable and not want.generated:
        remedy = "deploy" if want.nullable or is_empty else "by hand"
        changes.append(("changed nullability", remedy, _null(want), _null(have)))
    if (want.default, want.on_update) != (have.default, have.on_update):
        changes.append(("changed default", "deploy", _default(want), _default(have)))
    if want.generated != have.generated:
        changes.append(("changed generation", "deploy", want.generated or "", have.generated or ""))
    return changes


def _null(column: DeployedColumn) -> str:
    return "NULL" if column.nullable else "NOT NULL"


def _default(column: DeployedColumn) -> str:
    text = "no default" if column.default is None else f"default {column.default}"
    return text + (" on update current_timestamp" if column.on_update else "")


def is_wider(want: str, have: str) -> bool:
    """Whether every value of type `have` is a value of type `want`, unchanged."""
    want_base, want_arguments = _type_parts(want)
    have_base, have_arguments = _type_parts(have)
    if want_base == have_base == "enum":
        # MySQL stores positions: new values must come after the old ones.
        old, new = _LITERAL.findall(have), _LITERAL.findall(want)
        return new[: len(old)] == old
    if want_base == have_base == "decimal":
        return (
            want_arguments[1] >= have_arguments[1]
            and want_arguments[0] - want_arguments[1] >= have_arguments[0] - have_arguments[1]
        )
    if want_base == have_base:
        return want_arguments >= have_arguments
    if want_base in _INTEGERS and have_base in (*_INTEGERS, "tinyint"):
        return have_base == "tinyint" or _INTEGERS.index(want_base) > _INTEGERS.index(have_base)
    if want_base in _TEXTS and have_base in _TEXTS:
        return _TEXTS.index(want_base) > _TEXTS.index(have_base)
    if want_base in _TEXTS and have_base in ("varchar", "char"):
        # 16,383 characters of four bytes are what TEXT surely holds.
        return want_base != "text" or have_arguments[:1] <= (16383,)
    return want_base == "varchar" and have_base == "enum" and not want_arguments


def _type_parts(data_type: str) -> tuple[str, tuple[int, ...]]:
    base, _, rest = data_type.partition("(")
    if base == "enum" or not rest:
        return base, ()
    return base, tuple(int(n) for n in rest.rstrip(")").split(","))
