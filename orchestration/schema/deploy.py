"""Bring a server or a DuckDB file to the schema of record: `warehouse deploy`.

First everything is planned from what is there, then each statement is carried out. It only adds:
what could lose data is reported and left alone, and a table with such a difference is not touched
at all. A run that was killed is completed by the next one: on DuckDB it was one transaction, on
MySQL every statement stands for itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateTable

from orchestration import clock, database
from orchestration.database import CHARSET, COLLATION
from orchestration.errors import WarehouseError
from orchestration.schema.inspect import (
    DeployedTable,
    Difference,
    TableKey,
    differences,
    read_databases,
    read_deployed,
)
from orchestration.schema.metadata import (
    build_metadata,
    foreign_key_name,
    key_name,
    needed_indexes,
    table_named,
)
from orchestration.schema.partitions import partition_by, plan_partitions, step_sql
from orchestration.schema.record import WAREHOUSE_DATABASES, Record, Table, load_record
from orchestration.schema.reference_data import default_tables, insert_rows, missing_rows
from orchestration.settings import Settings

_DUPLICATE, _ORPHAN, _TRUNCATED, _NULL_IN_NOT_NULL = 1062, 1452, 1265, 1138


@dataclass(frozen=True)
class Statement:
    """One step: SQL, or default rows to insert; `what` says it in a few words."""

    what: str
    sql: str = ""
    table: str = ""
    rows: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        """The SQL for `--dry-run`; default rows as a comment."""
        return f"{self.sql};" if self.sql else f"-- {self.what}"


@dataclass(frozen=True)
class Plan:
    """What to do, in order; what nobody but a person should do; and harmless oddities."""

    statements: tuple[Statement, ...]
    problems: tuple[Difference, ...] = ()
    notes: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class DeployReport:
    """What a deployment did, or with `dry_run` would do."""

    target: str
    statements: tuple[Statement, ...]
    notes: tuple[Difference, ...]
    tables: int
    seconds: float
    dry_run: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """One line, and one more per thing in the databases that the record does not know."""
        if not self.statements:
            line = f"nothing to do: {self.tables} tables are as the schema of record says"
        else:
            steps = ", ".join(f"{n} {what}" for what, n in self.counts.items())
            line = f"{'would do' if self.dry_run else 'deployed'} ({self.target}): {steps}"
            line += "" if self.dry_run else f", in {self.seconds:.1f} s"
        return "\n".join([line, *(f"note: {note}" for note in self.notes)])

    def to_json(self) -> str:
        """The same for programs, with every statement as `--dry-run` shows it."""
        told = {
            "statements": [str(statement) for statement in self.statements],
            "notes": [str(note) for note in self.notes],
            "counts": dict(self.counts),
        }
        plain = {name: getattr(self, name) for name in ("target", "dry_run", "tables", "seconds")}
        return json.dumps(plain | told, ensure_ascii=False)


def deploy(
    settings: Settings,
    domains: Sequence[str] | None = None,
    dry_run: bool = False,
    oldest: date | None = None,
    secondary_indexes: bool = True,
    progress: Callable[[str], None] = print,
    record: Record | None = None,
) -> DeployReport:
    """Deploy the record's tables of `domains` (default: the settings') and the default rows.

    `oldest` is the day of the oldest row to come: partitions start at its month (default: the
    clock's month). `secondary_indexes=False` leaves out the non-unique indexes on MySQL, except
    those that foreign keys need, until `add_secondary_indexes`. With `dry_run` the statements go to
    `progress` and nothing changes. Raises WarehouseError, after the harmless rest was done, when a
    table differs in a way that might lose data; that table is left untouched.
    """
    started = time.monotonic()
    if record is None:
        record = load_record(tuple(domains or settings.domains))
    if not settings.is_mysql and dry_run and not settings.duckdb_path.exists():
        planned = _plan(None, settings, record, oldest, secondary_indexes)
    else:
        with database.connect(settings, read_only=dry_run) as connection:
            if dry_run:
                planned = _plan(connection, settings, record, oldest, secondary_indexes)
            else:
                with _alone(connection, settings):
                    planned = _plan(connection, settings, record, oldest, secondary_indexes)
                    _carry_out(connection, settings, record, planned.statements, progress)
    if dry_run:
        for statement in planned.statements:
            progress(str(statement))
    if planned.problems:
        raise _unmendable(planned.problems)
    return DeployReport(
        target="mysql" if settings.is_mysql else str(settings.duckdb_path),
        statements=planned.statements,
        notes=planned.notes,
        tables=len(record.tables),
        seconds=time.monotonic() - started,
        dry_run=dry_run,
        counts=_counts(planned.statements),
    )


def plan(
    settings: Settings,
    record: Record | None = None,
    oldest: date | None = None,
    secondary_indexes: bool = True,
) -> Plan:
    """What `deploy` would do; reads only."""
    record = record or load_record(settings.domains)
    if not settings.is_mysql and not settings.duckdb_path.exists():
        return _plan(None, settings, record, oldest, secondary_indexes)
    with database.connect(settings, read_only=True) as connection:
        return _plan(connection, settings, record, oldest, secondary_indexes)


def record_databases(record: Record) -> list[str]:
    """The databases of the record's tables in order, then those that dbt fills; no prefix."""
    return list(dict.fromkeys([*(t.database for t in record), *WAREHOUSE_DATABASES]))


# --- planning --------------------------------------------------------------------------------


def _plan(
    connection: sa.Connection | None,
    settings: Settings,
    record: Record,
    oldest: date | None,
    secondary_indexes: bool,
) -> Plan:
    dialect, prefix = settings.dialect, settings.database_prefix
    now = clock.now(settings)
    metadata = build_metadata(record, dialect, prefix)
    wanted = record_databases(record)
    there = read_databases(connection, prefix) if connection is not None else set()
    present = [name for name in wanted if name in there]
    deployed = read_deployed(connection, present, prefix) if connection is not None else {}
    statements = [_create_database(prefix + name, dialect) for name in wanted if name not in there]
    problems: list[Difference] = []
    notes: list[Difference] = []
    by_table: dict[TableKey, list[Difference]] = {}
    for difference in differences(record, deployed, dialect):
        if difference.kind == "missing index" and not secondary_indexes:
            continue
        if difference.remedy == "note":
            notes.append(difference)
        else:
            by_table.setdefault((difference.database, difference.table), []).append(difference)
    compiler = _Compiler(metadata, dialect, prefix)
    for table in record:
        key = (table.database, table.name)
        changes = by_table.get(key, [])
        blocking = [change for change in changes if change.remedy == "by hand"]
        if blocking:
            problems += blocking
        elif key not in deployed:
            statements += compiler.create(table, oldest, now.date(), secondary_indexes)
        else:
            if changes:
                statements += compiler.alter(table, deployed[key], changes)
            if dialect == "mysql" and table.partition_by_month:
                statements += [
                    Statement(
                        f"extend partitions of {table.name}",
                        step_sql(prefix + table.database, table.name, step),
                        table.name,
                    )
                    for step in plan_partitions(deployed[key].partitions, oldest, now.date())
                ]
    blocked = {difference.table for difference in problems}
    for table in default_tables(record):
        if table.name in blocked or blocked & {r.table for r in table.references}:
            continue
        # A table still lacking columns is asked for its keys alone, which it always has.
        known = connection if (table.database, table.name) in deployed else None
        if rows := missing_rows(known, metadata, table, now):
            statements.append(
                Statement(
                    f"insert {len(rows)} default row{'s'[: len(rows) != 1]} into {table.name}",
                    table=table.name,
                    rows=tuple(rows),
                )
            )
    return Plan(tuple(statements), tuple(problems), tuple(notes))


def _create_database(name: str, dialect: str) -> Statement:
    sql = (
        f"create database if not exists `{name}` character set {CHARSET} collate {COLLATION}"
        if dialect == "mysql"
        else f'create schema if not exists "{name}"'
    )
    return Statement(f"create database {name}", sql)


@dataclass(frozen=True)
class _Compiler:
    """Statements for one engine."""

    metadata: sa.MetaData
    dialect_name: str
    prefix: str

    @property
    def _dialect(self) -> sa.Dialect:
        url = "mysql+pymysql://" if self.dialect_name == "mysql" else "duckdb://"
        return make_url(url).get_dialect()()

    def create(
        self, table: Table, oldest: date | None, as_of: date, secondary_indexes: bool
    ) -> list[Statement]:
        built = table_named(self.metadata, table.name)
        sql = _one_line_end(str(CreateTable(built).compile(dialect=self._dialect)))
        if self.dialect_name == "mysql":
            columns = needed_indexes(table) if secondary_indexes else foreign_key_indexes(table)
            keys = "".join(f",\n\t{_key('key', 'ix', key)}" for key in columns)
            body, end = sql.rsplit("\n)", 1)
            sql = f"{body}{keys}\n){end}"
            if table.partition_by_month:
                (step,) = plan_partitions([], oldest, as_of)
                sql += "\n" + partition_by(table.partition_by_month, step.parts)
        return [Statement(f"create table {table.name}", sql, table.name)]

    def alter(
        self, table: Table, deployed: DeployedTable, changes: Sequence[Difference]
    ) -> list[Statement]:
        if self.dialect_name == "duckdb":
            return self._rebuild(table, deployed, changes)
        clauses = list(dict.fromkeys(self._clause(table, change) for change in changes))
        target = f"`{self.prefix}{table.database}`.`{table.name}`"
        return [
            Statement(
                f"alter table {table.name} ({_in_words(changes)})",
                f"alter table {target}\n    " + ",\n    ".join(clauses),
                table.name,
            )
        ]

    def _clause(self, table: Table, change: Difference) -> str:
        columns = [column.name for column in table.stored_columns]
        key = tuple(change.what.strip("()").split(", "))
        match change.kind:
            case "missing column":
                place = columns.index(change.what)
                where = f"after `{columns[place - 1]}`" if place else "first"
                return f"add column {self._column(table, change.what)} {where}"
            case "missing unique key":
                return f"add {_key('unique key', 'uq', key)}"
            case "missing index":
                return f"add {_key('key', 'ix', key)}"
            case "missing foreign key":
                reference = next(r for r in table.references if r.column == change.what)
                rule = "cascade" if reference.cascades else "restrict"
                return (
                    f"add constraint `{foreign_key_name(table.name, reference.column)}` "
                    f"foreign key (`{reference.column}`) references "
                    f"`{self.prefix}{table.database}`.`{reference.table}` "
                    f"(`{reference.target_column}`) on delete {rule}"
                )
        return f"modify column {self._column(table, change.what)}"

    def _column(self, table: Table, name: str) -> str:
        column = table_named(self.metadata, table.name).c[name]
        return str(CreateColumn(column).compile(dialect=self._dialect)).strip()

    def _rebuild(
        self, table: Table, deployed: DeployedTable, changes: Sequence[Difference]
    ) -> list[Statement]:
        """DuckDB cannot add a column with a CHECK, nor a key: fill a twin and take its name."""
        built = table_named(self.metadata, table.name)
        twin = f"{table.name}__deploy"
        home = f'"{self.prefix}{table.database}"'
        generated = {column.name for column in table.columns if column.generated}
        kept = [c.name for c in deployed.columns if c.name not in generated and c.name in built.c]
        columns = ", ".join(f'"{name}"' for name in kept)
        copy = built.to_metadata(sa.MetaData(), name=twin)
        create = _one_line_end(str(CreateTable(copy).compile(dialect=self._dialect)))
        words = f"rebuild table {table.name} ({_in_words(changes)})"
        return [
            Statement(words, create, table.name),
            Statement(
                "",
                f'insert into {home}."{twin}" ({columns})\n'
                f'select {columns} from {home}."{table.name}"',
                table.name,
            ),
            Statement("", f'drop table {home}."{table.name}"', table.name),
            Statement("", f'alter table {home}."{twin}" rename to "{table.name}"', table.name),
        ]


def _one_line_end(sql: str) -> str:
    return "\n".join(line.rstrip() for line in sql.strip().splitlines())


def _key(kind: str, name: str, columns: Iterable[str]) -> str:
    columns = list(columns)
    return f"{kind} `{key_name(name, columns)}` ({', '.join(f'`{c}`' for c in columns)})"


def _in_words(changes: Iterable[Difference]) -> str:
    return "; ".join(f"{change.kind} {change.what}".strip() for change in changes)


def _counts(statements: Iterable[Statement]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for statement in statements:
        if statement.rows:
            counts["default rows"] = counts.get("default rows", 0) + len(statement.rows)
            continue
        kinds = {
            "create database": "databases created",
            "create table": "tables created",
            "alter table": "tables altered",
            "rebuild table": "tables rebuilt",
            "extend partitions": "partitions cut",
        }
        for start, words in kinds.items():
            if statement.what.startswith(start):
                counts[words] = counts.get(words, 0) + 1
    return counts


# --- carrying out ----------------------------------------------------------------------------


@contextmanager
def _alone(connection: sa.Connection, settings: Settings) -> Iterator[None]:
    """Keep a second deployment away (DuckDB's file lock does that by itself); commit at the end."""
    if not settings.is_mysql:
        with connection.begin():
            yield
        return
    name = f"warehouse_deploy_{settings.database_prefix}"[:64]
    if not connection.scalar(sa.text("select get_lock(:name, 5)"), {"name": name}):
        raise WarehouseError(
            "Another `warehouse deploy` is running on this server.",
            fix="wait until it is done and run the command again.",
        )
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(sa.text("select release_lock(:name)"), {"name": name})


def _carry_out(
    connection: sa.Connection,
    settings: Settings,
    record: Record,
    statements: Sequence[Statement],
    progress: Callable[[str], None],
) -> None:
    metadata = build_metadata(record, settings.dialect, settings.database_prefix)
    for statement in statements:
        if statement.what:
            progress(statement.what)
        try:
            if statement.rows:
                insert_rows(connection, metadata, statement.table, statement.rows)
            else:
                connection.exec_driver_sql(statement.sql)
        except DBAPIError as error:
            known = _row_trouble(error, statement)
            if known is None:
                raise
            raise known from error
        if settings.is_mysql:
            connection.commit()


def _row_trouble(error: DBAPIError, statement: Statement) -> WarehouseError | None:
    """Rows that are there and do not fit a key or type that is to be added."""
    message = str(error.orig)
    if isinstance(error.orig, pymysql.MySQLError):
        if error.orig.args[0] not in (_DUPLICATE, _ORPHAN, _TRUNCATED, _NULL_IN_NOT_NULL):
            return None
        message = str(error.orig.args[1])
    elif not message.startswith("Constraint Error"):
        return None
    return WarehouseError(
        f"The rows of {statement.table} do not fit what the record says of it: "
        f"{message.splitlines()[0]}",
        fix="correct those rows and run `warehouse deploy` again; the table was not changed.",
    )


def _unmendable(problems: Sequence[Difference]) -> WarehouseError:
    tables = list(dict.fromkeys(f"{p.database}.{p.table}" for p in problems))
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return WarehouseError(
        f"{len(tables)} table{'s'[: len(tables) != 1]} differ{'s'[: len(tables) == 1]} from the "
        f"schema of record in a way that might lose data, so nothing was done to "
        f"{'it' if len(tables) == 1 else 'them'}:\n{lines}",
        fix="alter the tables by hand, or correct the schema of record "
        "(models/staging/<domain>/_<domain>__sources.yml), then run `warehouse deploy` again.",
    )


# --- secondary indexes, for loaders ----------------------------------------------------------


def foreign_key_indexes(table: Table) -> tuple[tuple[str, ...], ...]:
    """The indexes that InnoDB must have for the table's foreign keys: they always exist."""
    found = []
    for reference in table.references:
        if not any(key[0] == reference.column for key in (table.primary_key, *table.unique)):
            found.append(next(k for k in needed_indexes(table) if k[0] == reference.column))
    return tuple(dict.fromkeys(found))


def add_secondary_indexes(
    connection: sa.Connection, settings: Settings, table: Table
) -> list[tuple[str, ...]]:
    """Build the record's missing non-unique indexes of a deployed table in one ALTER (MySQL).

    Does nothing on DuckDB. Returns the columns of each index built.
    """
    there = _secondary_indexes(connection, settings, table)
    missing = [key for key in needed_indexes(table) if key not in there]
    if missing and settings.is_mysql:
        _alter(connection, settings, table, [f"add {_key('key', 'ix', key)}" for key in missing])
        return missing
    return []


def drop_secondary_indexes(
    connection: sa.Connection, settings: Settings, table: Table
) -> list[tuple[str, ...]]:
    """Drop the record's non-unique indexes that no foreign key needs, in one ALTER (MySQL).

    Indexes that the record does not know stay. Does nothing on DuckDB. Returns what was dropped.
    """
    there = _secondary_indexes(connection, settings, table)
    needed = foreign_key_indexes(table)
    spare = [key for key in needed_indexes(table) if key in there and key not in needed]
    if spare:
        _alter(connection, settings, table, [f"drop key `{there[key]}`" for key in spare])
    return spare


def _secondary_indexes(
    connection: sa.Connection, settings: Settings, table: Table
) -> Mapping[tuple[str, ...], str]:
    if not settings.is_mysql:
        return {}
    rows = connection.execute(
        sa.text(
            "select index_name, column_name from information_schema.statistics "
            "where table_schema = :schema and table_name = :table and non_unique = 1 "
            "order by index_name, seq_in_index"
        ),
        {"schema": settings.database_prefix + table.database, "table": table.name},
    )
    columns: dict[str, list[str]] = {}
    for name, column in rows:
        columns.setdefault(name, []).append(column)
    return {tuple(cols): name for name, cols in columns.items()}


def _alter(
    connection: sa.Connection, settings: Settings, table: Table, clauses: Sequence[str]
) -> None:
    target = f"`{settings.database_prefix}{table.database}`.`{table.name}`"
    connection.exec_driver_sql(f"alter table {target} {', '.join(clauses)}")
