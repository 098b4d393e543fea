"""Bulk-load a dataset into either engine; can be killed anywhere and run again.

`warehouse_audit.load_log` says of each table which file it holds and how far that got:

- `loading`: announced; the rows come in one transaction, so they are all there or none is
- `replacing`: what stands there is ours, but not all of one dataset: it is cleared away first
- `copied` (MySQL): all rows are there, secondary indexes may be missing
- `loaded`: done

A table with rows that neither deploy nor this loader put there is never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.sampledata.conform import stored
from orchestration.sampledata.generate import read_manifest
from orchestration.sampledata.progress import Advance, Say, track
from orchestration.schema.deploy import add_secondary_indexes, drop_secondary_indexes
from orchestration.schema.metadata import build_metadata
from orchestration.schema.partitions import (
    add_months,
    extend_partitions,
    first_of_month,
    months_between,
    partition_name,
)
from orchestration.schema.record import Record, Table, load_record
from orchestration.schema.reference_data import default_rows, insert_defaults
from orchestration.settings import Settings

# From here on it pays to build a table's secondary indexes after its rows.
LARGE_ROWS = 100_000
# A file's worth of rows: small enough for the disk, large enough to keep the server busy.
SLICE_ROWS = 400_000
# Months of a large partitioned table that are loaded side by side.
CONNECTIONS = max(2, min(4, os.cpu_count() or 2))
# MySQL sorts what it indexes in 1 MB otherwise, and merges the pieces on disk.
DDL_BUFFER_BYTES = 128 * 1024 * 1024
_LOG = """
create table if not exists {log} (
    table_name varchar(128) not null primary key,
    file_sha256 char(64) not null,
    row_count bigint not null,
    state varchar(16) not null,
    changed_at timestamp not null
)
"""


@dataclass(frozen=True)
class LoadReport:
    """What a load left behind; `loaded` and `already_there` name tables."""

    target: str
    tables: int
    rows: int
    loaded: tuple[str, ...]
    already_there: tuple[str, ...]
    seconds: float

    def summary(self) -> str:
        """One line."""
        if not self.loaded:
            return f"nothing to do: {self.rows:,} rows in {self.tables} tables are loaded already"
        more = f" ({len(self.already_there)} were there already)" if self.already_there else ""
        return (
            f"loaded {self.rows:,} rows into {self.tables} tables{more} on {self.target} "
            f"in {self.seconds:.1f} s"
        )

    def to_json(self) -> str:
        """The same for programs."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Task:
    """One table's file and what is known about it."""

    table: Table
    file: Path
    sha256: str
    rows: int


def load(
    settings: Settings,
    directory: Path,
    domains: Sequence[str] | None = None,
    progress: Say | None = None,
) -> LoadReport:
    """Load the dataset in `directory` into the deployed tables of `domains`.

    Domains default to the settings'. Another dataset that this loader put there is replaced, and
    what dbt built in the same database from it is emptied. Raises WarehouseError for an incomplete
    dataset, tables that are not deployed, tables that hold other rows (before anything is written),
    a load that is under way, and values that the server did not take as they are.
    """
    domains = tuple(domains or settings.domains)
    return load_tasks(settings, _tasks(directory, domains), progress)


def load_tasks(
    settings: Settings, tasks: Sequence[Task], progress: Say | None = None
) -> LoadReport:
    """As `load`, for files that the caller has chosen; parents must come first."""
    began = time.monotonic()
    with database.connect(settings) as connection, _alone(connection, settings):
        loader = _Loader(connection, settings, load_record())
        loader.prepare()
        todo = [task for task in tasks if loader.check(task)]
        with track("Loading", sum(task.rows for task in todo), progress) as advance:
            loader.clear_built({task.table.domain for task in todo if loader.replaces(task)})
            for task in todo:
                loader.load(task, advance)
    return LoadReport(
        target="mysql" if settings.is_mysql else str(settings.duckdb_path),
        tables=len(tasks),
        rows=sum(task.rows for task in tasks),
        loaded=tuple(task.table.name for task in todo),
        already_there=tuple(t.table.name for t in tasks if t not in todo),
        seconds=time.monotonic() - began,
    )


def _tasks(directory: Path, domains: Sequence[str]) -> list[Task]:
    """The dataset's files in loading order: parents first."""
    directory = directory.absolute()
    manifest = read_manifest(directory)
    if missing := [d for d in domains if d not in manifest["domains"]]:
        raise WarehouseError(
            f"The sample data in {directory} lacks the domain {', '.join(missing)}.",
            fix="run `warehouse generate` for it, or choose others with --domain.",
        )
    tasks = []
    for table in load_record(tuple(domains)).application_tables():
        facts = manifest["tables"].get(table.name)
        file = directory / facts["file"] if facts else directory
        if facts is None or not file.is_file() or file.stat().st_size != facts["bytes"]:
            raise WarehouseError(
                f"The sample data in {directory} lacks {table.name}, or its file was cut off.",
                fix="run `warehouse generate` again; it makes what is missing.",
            )
        tasks.append(Task(table, file, facts["sha256"], facts["rows"]))
    return tasks


@contextmanager
def _alone(connection: sa.Connection, settings: Settings) -> Iterator[None]:
    """Keep a second load away (DuckDB's lock does that by itself); a session of our own."""
    if not settings.is_mysql:
        yield
        return
    name = f"warehouse_load_{settings.database_prefix}"[:64]
    if not connection.scalar(sa.text("select get_lock(:name, 2)"), {"name": name}):
        raise WarehouseError(
            "Another `warehouse load` is running on this server.",
            fix="wait until it is done and run the command again.",
        )
    try:
        _set_bulk_session(connection)
        yield
    finally:
        connection.invalidate()  # closes the session, and with it lock, transaction and settings


@contextmanager
def _bulk_connection(settings: Settings) -> Iterator[sa.Connection]:
    """One more session for bulk work, gone afterwards with its settings."""
    with database.connect(settings) as connection:
        try:
            _set_bulk_session(connection)
            yield connection
        finally:
            connection.invalidate()


def _set_bulk_session(connection: sa.Connection) -> None:
    connection.exec_driver_sql("set foreign_key_checks = 0, unique_checks = 0")
    if connection.exec_driver_sql("show variables like 'innodb_ddl_buffer_size'").first():
        connection.exec_driver_sql(f"set innodb_ddl_buffer_size = {DDL_BUFFER_BYTES}")


class _Loader:
    """One load into one engine over one connection."""

    def __init__(self, connection: sa.Connection, settings: Settings, record: Record) -> None:
        self.connection = connection
        self.settings = settings
        self.record = record
        self.now: datetime = clock.now(settings)
        self.log = self._name("warehouse_audit", "load_log")
        self.known: Mapping[str, Any] = {}

    def prepare(self) -> None:
        """Make the log where it is missing, and read it."""
        self.connection.exec_driver_sql(_LOG.format(log=self.log))
        rows = self._query(f"select table_name, file_sha256, state from {self.log}").all()
        self.known = {row.table_name: row for row in rows}
        self.connection.commit()

    def check(self, task: Task) -> bool:
        """Whether the table has to be loaded; WarehouseError when it holds foreign rows."""
        known = self.known.get(task.table.name)
        others = self._other_rows(task.table)
        if known is None or known.state == "loading":
            if others:
                raise WarehouseError(
                    f"{self._plain(task.table)} holds rows that `warehouse load` did not put "
                    "there; sample data would mix with them.",
                    fix=f"empty it if nobody needs them (`delete from {self._plain(task.table)}`), "
                    "or load into another place (WAREHOUSE_DATABASE_PREFIX on MySQL, "
                    "WAREHOUSE_DUCKDB_PATH on DuckDB).",
                )
            return True
        is_this = known.file_sha256 == task.sha256 and known.state == "loaded"
        return not (is_this and (others or task.rows == 0))

    def replaces(self, task: Task) -> bool:
        """Whether another dataset of ours stands where this one goes."""
        known = self.known.get(task.table.name)
        return known is not None and known.file_sha256 != task.sha256

    def clear_built(self, domains: set[str]) -> None:
        """Empty what dbt built from these domains, step by step: it speaks of rows that go."""
        for table in self.record.of_domains(sorted(domains)) if domains else ():
            if table.built_by_dbt:
                self._query(f"delete from {self._of(table)}")
        self.connection.commit()

    def load(self, task: Task, advance: Advance) -> None:
        """Load one table, whatever state an earlier attempt left it in."""
        advance(task.table.name, 0)
        if self.settings.is_mysql:
            self._load_mysql(task, advance)
        else:
            self._load_duckdb(task)
            advance(task.table.name, task.rows)

    # --- DuckDB ---

    def _load_duckdb(self, task: Task) -> None:
        names = ", ".join(f'"{c.name}"' for c in stored(task.table))
        source = f"read_parquet('{_quoted(task.file)}')"
        # One transaction: killed in between, nothing of it happened.
        if self._other_rows(task.table):
            self._empty(task.table)
        try:
            self.connection.exec_driver_sql(
                f"insert into {self._of(task.table)} ({names}) select {names} from {source}"
            )
        except (IntegrityError, DataError) as error:
            raise self._refused(task.table, str(error.orig).splitlines()[0]) from error
        self._set_state(task, "loaded")
        self.connection.commit()

    # --- MySQL ---

    def _load_mysql(self, task: Task, advance: Advance) -> None:
        known = self.known.get(task.table.name)
        same_file = known is not None and known.file_sha256 == task.sha256
        if not (same_file and known.state == "copied"):
            if self._other_rows(task.table):
                self._set_state(task, "replacing")
                self.connection.commit()
                self._empty(task.table)  # truncate: MySQL commits it by itself
            if task.rows >= LARGE_ROWS and task.table.partition_by_month:
                self._copy_by_month(task, advance)
            else:
                self._set_state(task, "loading")
                self.connection.commit()
                self._copy(task, advance)
        if task.rows >= LARGE_ROWS:
            add_secondary_indexes(self.connection, self.settings, task.table)
        self._check_references(task.table)
        self._set_state(task, "loaded")
        self.connection.commit()

    def _copy(self, task: Task, advance: Advance) -> None:
        table = task.table
        oldest = _oldest(task)
        schema = self.settings.database_prefix + table.database
        extend_partitions(self.connection, schema, table, oldest, clock.today(self.settings))
        if task.rows >= LARGE_ROWS:
            drop_secondary_indexes(self.connection, self.settings, table)
        self.connection.commit()
        with _scratch(self.settings) as folder:
            copied = 0
            for slice_file in _csv_slices(task, oldest, folder):
                rows = self._load_data(self.connection, table, self._of(table), slice_file)
                slice_file.unlink()
                copied += rows
                advance(table.name, rows)
        if copied != task.rows:
            raise self._refused(table, f"{task.rows - copied} of {task.rows} rows repeat a key")
        self._set_state(task, "copied")
        self.connection.commit()

    def _copy_by_month(self, task: Task, advance: Advance) -> None:
        """Months side by side: each in a table of its own, with its indexes, takes its partition.

        Each month commits by itself: what a kill leaves is `replacing`, ours and to be cleared.
        """
        table, oldest = task.table, _oldest(task)
        assert oldest is not None
        months = months_between(oldest, _newest(task) or oldest)
        schema = self.settings.database_prefix + table.database
        self._set_state(task, "replacing")
        self.connection.commit()
        extend_partitions(self.connection, schema, table, oldest, clock.today(self.settings))
        empty = replace(table, name=f"{table.name}__load")
        tables = {month: replace(table, name=f"{table.name}__{month:%Y%m}") for month in months}
        self._drop(empty, *tables.values())
        self._query(f"create table {self._of(empty)} like {self._of(table)}")
        self._query(f"alter table {self._of(empty)} remove partitioning")
        drop_secondary_indexes(self.connection, self.settings, empty)
        self.connection.commit()
        copied = 0
        try:
            with (
                _scratch(self.settings) as folder,
                _reader(folder) as reader,
                ThreadPoolExecutor(CONNECTIONS) as pool,
            ):
                pending = [
                    pool.submit(self._fill_month, task, month, tables[month], empty, reader, folder)
                    for month in months
                ]
                try:
                    for done in as_completed(pending):
                        copied += done.result()
                        advance(table.name, done.result())
                finally:
                    pool.shutdown(cancel_futures=True)
            if copied != task.rows:
                raise self._refused(table, f"{task.rows - copied} of {task.rows} rows repeat a key")
        except WarehouseError:
            self._empty(table)
            raise
        finally:
            self._drop(empty, *tables.values())
        self._set_state(task, "copied")
        self.connection.commit()

    def _fill_month(
        self,
        task: Task,
        month: date,
        own: Table,
        empty: Table,
        reader: duckdb.DuckDBPyConnection,
        folder: Path,
    ) -> int:
        """One month's rows into the table `own`, and that in the partition's place; rows taken."""
        column = task.table.partition_by_month or ""
        condition = _between(column, _midnight(month), _midnight(add_months(month, 1)))
        file = _write_csv(reader.cursor(), task, condition, folder / f"{month}.csv")
        with _bulk_connection(self.settings) as connection:
            run = connection.exec_driver_sql
            run(f"create table {self._of(own)} like {self._of(empty)}")
            rows = self._load_data(connection, task.table, self._of(own), file)
            connection.commit()
            file.unlink()
            add_secondary_indexes(connection, self.settings, own)
            # The rows were chosen by the partition's bounds: looking at each again proves nothing.
            run(
                f"alter table {self._of(task.table)} exchange partition {partition_name(month)} "
                f"with table {self._of(own)} without validation"
            )
        return rows

    def _drop(self, *tables: Table) -> None:
        for table in tables:
            self._query(f"drop table if exists {self._of(table)}")

    def _load_data(self, connection: sa.Connection, table: Table, target: str, file: Path) -> int:
        """LOAD DATA of one file of `table` into `target`; rows taken.

        LOCAL turns errors into warnings, so these count.
        """
        columns = ", ".join(f"`{c.name}`" for c in stored(table))
        path = str(file).replace("\\", "\\\\").replace("'", "''")
        sql = (
            f"load data local infile '{path}' into table {target} character set utf8mb4 "
            "fields terminated by ',' optionally enclosed by '\"' escaped by '' "
            f"lines terminated by '\\n' ({columns})"
        )
        # The driver's own cursor: SQLAlchemy would read a % in the path as a parameter.
        with connection.connection.cursor() as cursor:
            rows = cursor.execute(sql)
            cursor.execute("show warnings limit 1")
            warning = cursor.fetchone()
        if warning is not None:
            raise self._refused(table, warning[2])
        return rows

    def _check_references(self, table: Table) -> None:
        """Foreign keys were not checked while loading: count what they would have refused."""
        for reference in table.references:
            parent = self.record.table(reference.table)
            orphans = self._query(
                f"select count(*) from {self._of(table)} as child "
                f"left join {self._of(parent)} as parent "
                f"on parent.`{reference.target_column}` = child.`{reference.column}` "
                f"where child.`{reference.column}` is not null "
                f"and parent.`{reference.target_column}` is null"
            ).scalar_one()
            if orphans:
                raise WarehouseError(
                    f"{orphans} rows of {self._plain(table)} refer by {reference.column} to "
                    f"{parent.name} that do not exist.",
                    fix="generate the sample data again and load all of its domains.",
                )

    # --- both ---

    def _refused(self, table: Table, reason: str) -> WarehouseError:
        return WarehouseError(
            f"{self._plain(table)} did not take the sample data as they are: {reason}.",
            fix="generate the sample data again (`warehouse doctor` shows a table that differs "
            "from the record); nothing of this table was kept.",
        )

    def _set_state(self, task: Task, state: str) -> None:
        values = {"name": task.table.name, "sha": task.sha256, "rows": task.rows}
        values |= {"state": state, "now": self.now}
        self._query(f"delete from {self.log} where table_name = :name", name=task.table.name)
        self._query(f"insert into {self.log} values (:name, :sha, :rows, :state, :now)", **values)

    def _other_rows(self, table: Table) -> bool:
        """Whether the table holds a row that is not one of the defaults that deploy inserts."""
        defaults = [row["id"] for row in default_rows(table, self.now)]
        condition = sa.text(
            f"select 1 from {self._of(table)}" + (" where id not in :ids" if defaults else "")
            + " limit 1"
        )  # fmt: skip
        if defaults:
            condition = condition.bindparams(sa.bindparam("ids", defaults, expanding=True))
        return self.connection.execute(condition).first() is not None

    def _empty(self, table: Table) -> None:
        """Back to the default rows alone."""
        self._query(f"{'truncate' if self.settings.is_mysql else 'delete from'} {self._of(table)}")
        record = Record((table,))
        metadata = build_metadata(record, self.settings.dialect, self.settings.database_prefix)
        insert_defaults(self.connection, metadata, record, self.now)

    def _query(self, sql: str, **parameters: Any) -> sa.CursorResult[Any]:
        return self.connection.execute(sa.text(sql), parameters)

    def _name(self, schema: str, table: str) -> str:
        mark = "`" if self.settings.is_mysql else '"'
        return f"{mark}{self.settings.database_prefix}{schema}{mark}.{mark}{table}{mark}"

    def _of(self, table: Table) -> str:
        return self._name(table.database, table.name)

    def _plain(self, table: Table) -> str:
        return f"{self.settings.database_prefix}{table.database}.{table.name}"


# --- from Parquet to what LOAD DATA reads --------------------------------------------------------


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A folder for files on their way; what a killed load left in it is removed first."""
    folder = settings.local_dir / "load" / (settings.database_prefix or "main")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _oldest(task: Task) -> date | None:
    """The day of the file's oldest row by the partition column; None without partitions or rows."""
    column = task.table.partition_by_month
    if column is None or task.rows == 0:
        return None
    return _extreme(task, "min", column)


def _newest(task: Task) -> date | None:
    """As `_oldest`, of the newest row."""
    return _extreme(task, "max", task.table.partition_by_month or "")


def _extreme(task: Task, which: str, column: str) -> date | None:
    with duckdb.connect() as reader:
        (moment,) = reader.execute(
            f'select {which}("{column}") from read_parquet(?)', [str(task.file)]
        ).fetchone() or (None,)
    return moment.date() if moment else None


def _csv_slices(task: Task, oldest: date | None, folder: Path) -> Iterator[Path]:
    """The file as CSV in primary-key order within each partition, some 400,000 rows at a time.

    The next slice is written while the caller sends the last one to the server.
    """
    conditions = _conditions(task, oldest)
    with _reader(folder) as reader, ThreadPoolExecutor(1) as pool:
        waiting = None
        for number, condition in enumerate([*conditions, None]):
            file = folder / f"{number}.csv"
            written = None
            if condition is not None:
                written = pool.submit(_write_csv, reader, task, condition, file)
            if waiting is not None:
                yield waiting.result()
            waiting = written


@contextmanager
def _reader(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as the reader of Parquet files; what it cannot keep in memory goes to `folder`."""
    with duckdb.connect() as reader:
        reader.execute("set memory_limit = '3GB'")
        reader.execute(f"set temp_directory = '{_quoted(folder / 'spill')}'")
        reader.execute("set threads = 2")
        yield reader


def _conditions(task: Task, oldest: date | None) -> list[str]:
    """Conditions that split the rows along partitions, else along the id, in loading order."""
    column = task.table.partition_by_month
    if column is not None and oldest is not None:
        months = months_between(first_of_month(oldest), _newest(task) or oldest)
        bounds = [_midnight(month) for month in months[1:]]
        low = [None, *bounds]
        high = [*bounds, None]
        return [_between(column, a, b) for a, b in zip(low, high, strict=True)]
    slices = min(-(-task.rows // SLICE_ROWS), 16)
    if slices <= 1:
        return ["true"]
    edges = [f"'{16 * n // slices:x}'" for n in range(1, slices)]
    return [_between("id", a, b) for a, b in zip([None, *edges], [*edges, None], strict=True)]


def _midnight(day: date) -> str:
    return f"timestamp '{day} 00:00:00'"


def _between(column: str, low: str | None, high: str | None) -> str:
    parts = [f'"{column}" >= {low}' if low else "", f'"{column}" < {high}' if high else ""]
    return " and ".join(p for p in parts if p) or "true"


def _write_csv(reader: duckdb.DuckDBPyConnection, task: Task, condition: str, file: Path) -> Path:
    """Text is always quoted and NULL never, which is how MySQL tells NULL from 'NULL'."""
    columns = stored(task.table)
    texts = [c.name for c in columns if c.base_type in _TEXTS]
    selected = ", ".join(
        f'cast("{c.name}" as tinyint) as "{c.name}"' if c.is_boolean else f'"{c.name}"'
        for c in columns
    )
    order = ", ".join(f'"{name}"' for name in task.table.primary_key)
    quoted = ", ".join(f'"{name}"' for name in texts)
    reader.execute(
        f"copy (select {selected} from read_parquet('{_quoted(task.file)}') where {condition} "
        f"order by {order}) to '{_quoted(file)}' (format csv, header false, nullstr 'NULL', "
        f"quote '\"', escape '\"', delimiter ','" + (f", force_quote ({quoted}))" if texts else ")")
    )
    return file


_TEXTS = ("char", "varchar", "text", "mediumtext", "longtext", "json", "enum")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
