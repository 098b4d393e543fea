"""What every operation keeps, once for all: the clock, the guard, short transactions, the trail.

An operation is a function of a `Run`. It reads through `run.read()` and decides in Python which
rows change; it writes only through `run.change(...)`, batch by batch, each in a transaction of its
own that is tried again after a deadlock. `run_operation` guards it against itself, and leaves one
audit row for each tenant in which something changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import duckdb
import pymysql
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.schema.metadata import LONGEST_NAME, metadata_of, table_named
from orchestration.schema.reference_data import DEFAULT_TENANT_ID
from orchestration.settings import Settings

BATCH_ROWS = 5_000
# Seconds between attempts, each stretched by up to a half so that two losers do not meet again.
PAUSES = (0.05, 0.2, 0.8, 2.0)
LOCK_WAIT, DEADLOCK = 1205, 1213

_log = logging.getLogger(__name__)
T = TypeVar("T")


class AlreadyRunning(WarehouseError):
    """Another run of the same operation is at work; a schedule skips this tick."""


@dataclass(frozen=True)
class Operation:
    """A line of the register: the event's name, its domain, its function, and what it does.

    `is_due` finds out quickly whether there is work for a run, where a dry run would not.
    """

    name: str
    domain: str
    perform: Callable[[Run], None]
    sentence: str
    is_due: Callable[[Run], object] | None = None


@dataclass(frozen=True)
class Report:
    """What a run did, or in a dry run would have done."""

    operation: str
    as_of: datetime
    dry_run: bool
    examined: int
    changed: int
    seconds: float
    changed_by_tenant: Mapping[str, int]
    notes: tuple[str, ...]

    def summary(self) -> str:
        """For people: a sentence, then the notes."""
        done = "would change" if self.dry_run else "changed"
        first = (
            f"{self.operation} as of {self.as_of}: examined {self.examined:,} rows, "
            f"{done} {self.changed:,} in {self.seconds:.1f} s."
        )
        return "\n".join([first, *(f"  {note}" for note in self.notes)])

    def to_json(self) -> str:
        """The same for programs."""
        return json.dumps(asdict(self) | {"as_of": str(self.as_of)}, ensure_ascii=False)


@dataclass
class Run:
    """One run of an operation, and the only way in which it touches the databases."""

    settings: Settings
    as_of: datetime
    dry_run: bool = False
    # scheduled or manual: what the execution logs say of the run
    trigger: str = "scheduled"
    batch_rows: int = BATCH_ROWS
    examined: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    # what could not be written to the end, in a sentence each
    broken: list[str] = field(default_factory=list)

    def table(self, name: str) -> sa.Table:
        """A table of the schema of record."""
        return table_named(metadata_of(self.settings), name)

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection to read with; fetch all before it closes."""
        return database.connect(self.settings)

    def change(
        self,
        tenant_id: str | None,
        rows: Sequence[T],
        write: Callable[[sa.Connection, Sequence[T]], int],
        committed: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Give `rows` to `write` in batches, each in a transaction; return how many changed.

        `write` returns the rows that it really changed, and must do no harm when it is called
        again. `committed` hears that number after each commit, for callers who must know how far
        a run came that broke off. Without a tenant the default one stands in the audit trail.
        A dry run only counts.
        """
        total = 0
        for start in range(0, len(rows), self.batch_rows):
            batch = rows[start : start + self.batch_rows]
            done = len(batch) if self.dry_run else transaction(self.settings, write, batch)
            self.changed[tenant_id or DEFAULT_TENANT_ID] += done
            total += done
            committed(done)
        return total

    def stamp(self, rows: Sequence[T], write: Callable[[sa.Connection, Sequence[T]], int]) -> None:
        """The same for what only says that the run looked: neither counted nor audited."""
        for start in range(0, 0 if self.dry_run else len(rows), self.batch_rows):
            transaction(self.settings, write, rows[start : start + self.batch_rows])

    def note(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """Write a row that tells of the run and changes no state: an execution log's."""
        if not self.dry_run:
            transaction(self.settings, lambda connection: connection.execute(table.insert(), row))


def run_operation(
    operation: Operation,
    settings: Settings,
    *,
    dry_run: bool = False,
    trigger: str = "scheduled",
    batch_rows: int = BATCH_ROWS,
) -> Report:
    """Run it, guarded and audited. AlreadyRunning when another run is at work."""
    if operation.domain not in settings.domains:
        raise WarehouseError(
            f"{operation.name} belongs to the domain {operation.domain}, which is switched off.",
            fix="add it to WAREHOUSE_DOMAINS.",
        )
    run = Run(settings, clock.now(settings), dry_run, trigger, batch_rows)
    began = time.monotonic()
    with only_one(settings, operation.name), _kept_open(settings):
        try:
            operation.perform(run)
        except Exception as error:
            with suppress(Exception):  # the error that stopped the run is the one to show
                _audit(run, operation, time.monotonic() - began, error)
            raise
        seconds = time.monotonic() - began
        _audit(run, operation, seconds)
    return Report(
        operation.name,
        run.as_of,
        dry_run,
        run.examined,
        run.changed.total(),
        round(seconds, 3),
        dict(+run.changed),
        tuple(run.notes),
    )


def has_work(operation: Operation, settings: Settings) -> bool:
    """Whether a run would change something: by the operation's own question, or a dry run."""
    if operation.is_due is None:
        return run_operation(operation, settings, dry_run=True).changed > 0
    return bool(operation.is_due(Run(settings, clock.now(settings), dry_run=True)))


def transaction(settings: Settings, work: Callable[..., T], *arguments: Any) -> T:
    """`work(connection, *arguments)` in one transaction; deadlocks and lock waits are retried."""
    for attempt, pause in enumerate((*PAUSES, None), start=1):
        try:
            with database.begin(settings) as connection:
                return work(connection, *arguments)
        except DBAPIError as error:
            if not is_collision(error):
                raise
            if pause is None:
                raise WarehouseError(
                    f"Rows stayed locked by others through {attempt} attempts: {error.orig}.",
                    fix="run the command again; `show engine innodb status` names the other side.",
                ) from error
        time.sleep(pause * random.uniform(1, 1.5))
    raise AssertionError("unreachable")


def is_collision(error: DBAPIError) -> bool:
    """Whether the statement only met another transaction, so that it may succeed next time."""
    if isinstance(error.orig, pymysql.MySQLError):
        return bool(error.orig.args) and error.orig.args[0] in (LOCK_WAIT, DEADLOCK)
    return isinstance(error.orig, duckdb.TransactionException) or "Conflict on" in str(error.orig)


@contextmanager
def only_one(settings: Settings, name: str) -> Iterator[None]:
    """Hold the operation's named lock; it is let go when this process ends, however it ends."""
    guard = _mysql_guard if settings.is_mysql else _file_guard
    with guard(settings, name) as free:
        if not free:
            raise AlreadyRunning(
                f"{name} is running already.", fix="let it finish; it does this run's work too."
            )
        yield


@contextmanager
def _kept_open(settings: Settings) -> Iterator[None]:
    """Hold the DuckDB file for the whole run: opening it for each batch costs more than the batch.

    MySQL's connections come from a pool.
    """
    if settings.is_mysql:
        yield
        return
    with database.connect(settings) as connection:
        connection.commit()
        yield


@contextmanager
def _mysql_guard(settings: Settings, name: str) -> Iterator[bool]:
    lock = f"{settings.database_prefix}warehouse.{name}"
    if len(lock) > LONGEST_NAME:
        lock = hashlib.sha256(lock.encode()).hexdigest()
    with database.connect(settings) as connection:
        free = connection.scalar(sa.select(sa.func.get_lock(lock, 0))) == 1
        try:
            connection.commit()
            yield free
        finally:
            if free:
                with suppress(DBAPIError):  # a connection that was lost holds no lock
                    connection.rollback()
                    connection.execute(sa.select(sa.func.release_lock(lock)))


@contextmanager
def _file_guard(settings: Settings, name: str) -> Iterator[bool]:
    # Beside the file, so that a second run is refused at once and does not wait for the file.
    path = settings.duckdb_path
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _audit(run: Run, operation: Operation, seconds: float, error: Exception | None = None) -> None:
    rows = [
        {
            "id": str(uuid.uuid4()),
            "tenant_id": tenant,
            "log_type": "operation",
            "module": operation.domain,
            "operator_type": "scheduled",
            "action": "update",
            "target_type": "operation",
            "target_name": operation.name,
            "change_data": {"changed": changed, "as_of": str(run.as_of), "trigger": run.trigger},
            "status": "partial" if error else "success",
            "error_info": {"error": str(error)} if error else None,
            "execution_time_ms": round(seconds * 1000),
            "created_at": run.as_of,
        }
        for tenant, changed in sorted((+run.changed).items())
    ]
    if not run.dry_run and rows:
        write_trail(run.settings, operation.name, rows)


def write_trail(settings: Settings, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows for the applications' audit log; to this process's where there is no core domain."""
    if "core" in settings.domains:
        table = table_named(metadata_of(settings), "saas_unified_audit_logs")
        transaction(settings, lambda connection: connection.execute(table.insert(), rows))
    else:
        for row in rows:
            _log.info("%s changed %s", name, json.dumps(row, default=str))
