"""Carrying plans out: months to the archive, partitions and rows out of the database.

A partition leaves its table in one moment: under a table lock it is exchanged with an empty table
and dropped, empty. What came out is held against the archive row by row, rows that came meanwhile
are added to the archive, and only then is it dropped. Killed anywhere, the next run goes on there.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

import pyarrow as pa
import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.operations.running import is_collision, only_one, transaction
from orchestration.retention.archive import Archive
from orchestration.retention.archiving import Archiving
from orchestration.retention.holds import held_tenants, read_holds
from orchestration.retention.looking import (
    count_by_month,
    distrust_of,
    look,
    may_go,
    schema_of,
    taken_out,
)
from orchestration.retention.plan import ROWS_A_RUN, Step, month_bounds, plan
from orchestration.retention.policy import Policy, parse_month, policies
from orchestration.retention.rows import (
    Values,
    canonical_rows,
    in_month,
    raw_table,
    row_hash,
    select_all,
)
from orchestration.retention.trail import leave
from orchestration.schema.partitions import CATCH_ALL, extend_partitions
from orchestration.schema.record import Table, load_record
from orchestration.settings import Settings

DELETE_ROWS = 1_000
# Everybody who comes to the table queues behind a lock that waits: so short, then room for them.
LOCK_SECONDS, LOCK_ATTEMPTS = 1, 4
Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass
class Outcome:
    """What a run did with one table, or would do."""

    table: str
    cutoff: str
    steps: list[Step]
    done: list[Step] = field(default_factory=list)
    failed: str = ""
    seconds: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.failed) or any(step.action == "refuse" for step in self.steps)


def plan_all(
    settings: Settings,
    tables: Sequence[str] = (),
    chosen: Mapping[str, Policy] | None = None,
    rows_a_run: int = ROWS_A_RUN,
) -> list[Outcome]:
    """The steps that `run_all` would take now; nothing is changed."""
    return [
        _Retention(settings, policy, distrust, rows_a_run).planned()
        for policy, distrust in _chosen(settings, tables, chosen)
    ]


def run_all(
    settings: Settings,
    tables: Sequence[str] = (),
    chosen: Mapping[str, Policy] | None = None,
    rows_a_run: int = ROWS_A_RUN,
    progress: Progress = lambda _: None,
    trigger: str = "scheduled",
) -> list[Outcome]:
    """Plan and carry out, a table at a time; what fails with one is told and stops no other."""
    outcomes = []
    for policy, distrust in _chosen(settings, tables, chosen):
        retention = _Retention(settings, policy, distrust, rows_a_run, progress, trigger)
        with only_one(settings, f"retention.{policy.table}"):
            outcomes.append(retention.carried_out())
    _remember(settings, outcomes)
    return outcomes


def _chosen(
    settings: Settings, tables: Sequence[str], chosen: Mapping[str, Policy] | None
) -> list[tuple[Policy, str]]:
    record = load_record(settings.domains)
    names = [t.name for t in record if t.retention] if chosen is None else list(chosen)
    for name in tables:
        if name not in names:
            raise WarehouseError(
                f"{name} has no retention policy here.",
                fix=f"choose one of: {', '.join(names)}.",
            )
    known = policies(settings) if chosen is None else chosen
    distrust = distrust_of(settings, known, clock.now(settings))
    return [(policy, distrust) for name, policy in known.items() if not tables or name in tables]


def _remember(settings: Settings, outcomes: Sequence[Outcome]) -> None:
    archive = Archive(settings)
    text = json.dumps([asdict(outcome) for outcome in outcomes], indent=1)
    moment = f"{clock.now(settings):%Y%m%dT%H%M%S}-{time.time_ns()}"
    with contextlib.suppress(OSError):  # the steps are done, whoever remembers them
        archive.put_text(f"{archive.root}/_runs/{moment}.json", text)


class _Retention:
    """One table's run."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        distrust: str = "",
        rows_a_run: int = ROWS_A_RUN,
        progress: Progress = lambda _: None,
        trigger: str = "scheduled",
    ) -> None:
        self.settings, self.policy, self.progress = settings, policy, progress
        self.trigger = trigger
        self.months = Archiving(settings, policy)
        self.now, self.archive = self.months.now, self.months.archive
        self.table, self.online = self.months.table, self.months.online
        self.out = taken_out(settings, self.table)
        self.distrust, self.rows_a_run = distrust, rows_a_run

    def planned(self) -> Outcome:
        holds = read_holds(self.archive)
        facts = look(self.settings, self.policy, self.archive, holds, self.now, self.distrust)
        steps = plan(self.policy, self.now, facts, self.rows_a_run)
        return Outcome(self.policy.table, str(self.policy.cutoff(self.now)), steps)

    def carried_out(self) -> Outcome:
        began = time.monotonic()
        outcome = Outcome(self.policy.table, str(self.policy.cutoff(self.now)), [])
        try:
            with database.friendly_errors(self.settings):
                self.archive.settle(self.table)
                outcome = self.planned()
                for step in outcome.steps:
                    if step.action in ("archive", "drop", "delete", "finish"):
                        self.progress(f"{step.table}: {step.action} {step.what} ({step.rows:,})")
                        started = time.monotonic()
                        rows = getattr(self, f"_{step.action}")(step)
                        outcome.done.append(replace(step, rows=rows))
                        self._tell(step.action, time.monotonic() - started, of=step.what, rows=rows)
        except (WarehouseError, sa.exc.DBAPIError, pa.ArrowException) as error:
            outcome.failed = database.reason_of(error)
            self.progress(f"{self.policy.table}: gave up: {outcome.failed}")
            with contextlib.suppress(Exception):  # the run's error is the one to show
                self._tell("gave up", time.monotonic() - began, error=outcome.failed)
        outcome.seconds = round(time.monotonic() - began, 3)
        return outcome

    def _tell(self, step: str, seconds: float, **told: Any) -> None:
        told |= {"kept_from": str(self.policy.cutoff(self.now)), "trigger": self.trigger}
        leave(self.settings, step, self.policy.table, seconds=seconds, **told)

    def _archive(self, step: Step) -> int:
        month = parse_month(step.what)
        return self.months.archived(month).rows

    def _expiring(self, months: Sequence[date]) -> None:
        """Archive, verify and mark months that are about to leave."""
        if not self.policy.archive:
            return
        for month in months:
            known = self.months.archived(month)
            if not known.expiring:
                self.archive.change(self.table, month, replace(known, expiring=True))

    def _drop(self, step: Step) -> int:
        with database.connect(self.settings) as connection:
            months = count_by_month(
                connection, self.online, self.policy.moment, of_partition=step.what
            )
        self._expiring(list(months))
        self._take_out(step.what)
        return self._finish(step)

    def _take_out(self, partition: str) -> None:
        """The partition's rows to a table of their own, and the partition away, in one moment."""
        with database.connect(self.settings) as connection:
            quote = connection.dialect.identifier_preparer
            table, out = quote.format_table(self.online), quote.format_table(self.out)
            part = quote.quote(partition)
            run = connection.exec_driver_sql
            run(f"create table {out} like {table}")
            run(f"alter table {out} remove partitioning")
            try:
                _patiently(connection, lambda: run(f"lock tables {table} write, {out} write"))
                run(f"alter table {table} exchange partition {part} with table {out}")
                run(f"alter table {table} drop partition {part}")
            except sa.exc.DBAPIError as error:
                if not is_collision(error):
                    raise
                raise WarehouseError(
                    f"{self.table.name} is in use by a long transaction, so {partition} stays.",
                    fix="nothing; the next run takes it, when `show processlist` shows no long "
                    "query on the table.",
                ) from error
            finally:
                with contextlib.suppress(sa.exc.DBAPIError):
                    run("unlock tables")
                connection.invalidate()

    def _finish(self, _step: Step) -> int:
        """What was taken out: into the archive if it is not there, held rows back, then gone."""
        with database.connect(self.settings) as connection:
            months = count_by_month(connection, self.out, self.policy.moment)
            rows = sum(months.values())
        if self.policy.archive:
            for month in months:
                known = self.archive.manifest(self.table, month)
                if known is None:
                    self.months.written(month, self.out, expiring=True)
                else:
                    self.months.merged(known, month, self.out)
        kept = self._put_back()
        with database.connect(self.settings) as connection:
            connection.exec_driver_sql(
                f"drop table {connection.dialect.identifier_preparer.format_table(self.out)}"
            )
        return rows - kept

    def _put_back(self) -> int:
        """Rows of held tenants return to the table, into its oldest partition."""
        tenants = held_tenants(read_holds(self.archive), self.table.name)
        if not tenants:
            return 0
        there = self.online.alias()
        same = [there.c[name] == self.out.c[name] for name in self.table.primary_key]
        names = [c.name for c in self.table.stored_columns if not c.generated]
        rows = (
            sa.select(*(self.out.c[name] for name in names))
            .where(self.out.c.tenant_id.in_(tenants))
            .where(~sa.exists().where(*same))
        )
        insert = sa.insert(self.online).from_select(names, rows)
        transaction(self.settings, lambda connection: connection.execute(insert))
        with database.connect(self.settings) as connection:
            held = sa.select(sa.func.count()).select_from(self.out)
            return int(connection.scalar(held.where(self.out.c.tenant_id.in_(tenants))) or 0)

    def _delete(self, step: Step) -> int:
        """Rows of one month that are in the archive as they are, oldest first, in small batches."""
        month = parse_month(step.what)
        self._expiring([month])
        archived = self._hashes(month)
        start, end = month_bounds(month)
        deleted = self._delete_known(start, end, step.rows, archived)
        if deleted < step.rows and archived is not None:
            # Some changed since: the archive takes them as they are now.
            self._expiring([month])
            left = step.rows - deleted
            deleted += self._delete_known(start, end, left, self._hashes(month))
        return deleted

    def _hashes(self, month: date) -> set[int] | None:
        known = self.archive.manifest(self.table, month) if self.policy.archive else None
        return self.archive.hashes(self.table, month, known) if known else None

    def _delete_known(
        self, start: datetime, end: datetime, limit: int, archived: set[int] | None
    ) -> int:
        moment, key = self.online.c[self.policy.moment], self.table.primary_key
        columns = [self.online.c[name] for name in key]
        due = [
            *in_month(self.online, self.policy.moment, start, end),
            *may_go(self.settings, self.policy, self.online, read_holds(self.archive)),
        ]
        with database.connect(self.settings) as connection:
            asked = sa.select(*columns).where(*due).order_by(moment, *columns).limit(limit)
            keys = [tuple(row) for row in connection.execute(asked)]
        deleted = 0
        for first in range(0, len(keys), DELETE_ROWS):
            batch = keys[first : first + DELETE_ROWS]
            deleted += transaction(self.settings, self._delete_batch, batch, due, archived)
            self.progress(f"{self.table.name}: {deleted:,} of {len(keys):,} rows deleted")
        return deleted

    def _delete_batch(
        self,
        connection: sa.Connection,
        keys: Sequence[Values],
        due: Sequence[Any],
        archived: set[int] | None,
    ) -> int:
        if self.settings.is_mysql:
            connection.execute(sa.text("set transaction isolation level read committed"))
        first = self.online.c[self.table.primary_key[0]]
        # Held anew: somebody may have set a hold since the keys were read.
        held = held_tenants(read_holds(self.archive), self.table.name)
        conditions = [first.in_([key[0] for key in keys]), *due]
        if held:
            tenant = self.online.c.tenant_id
            conditions.append(sa.or_(tenant.is_(None), tenant.not_in(held)))
        if archived is not None:
            query = select_all(connection, self.table, self.online).where(*conditions)
            if self.settings.is_mysql:
                query = query.with_for_update()
            found = canonical_rows(self.table, connection.execute(query))
            known = [self.months.key(v)[0] for v in found if row_hash(v) in archived]
            conditions = [first.in_(known), *due]
            if not known:
                return 0
        return connection.execute(sa.delete(self.online).where(*conditions)).rowcount


def _patiently(connection: sa.Connection, lock: Callable[[], T]) -> T:
    """`lock()`, tried a few times; the connection waits shortly from now on: do not reuse it."""
    connection.exec_driver_sql(f"set session lock_wait_timeout = {LOCK_SECONDS}")
    for _ in range(LOCK_ATTEMPTS - 1):
        try:
            return lock()
        except sa.exc.DBAPIError as error:
            if not is_collision(error):
                raise
        time.sleep(LOCK_SECONDS)
    return lock()


@dataclass(frozen=True)
class Horizon:
    """Partitions made ahead for one table, and what lay in the catch-all."""

    table: str
    made: int
    moved: int
    left: int
    failed: str = ""


def extend_horizon(settings: Settings, tables: Sequence[str] = ()) -> list[Horizon]:
    """Three months ahead on every partitioned table; rows of p_future go where they belong."""
    found = []
    for table in load_record(settings.domains):
        if not settings.is_mysql or not table.partition_by_month:
            continue
        if not tables or table.name in tables:
            found.append(_extend(settings, table))
    return found


def _extend(settings: Settings, table: Table) -> Horizon:
    source = raw_table(table, schema_of(settings, table))

    def late(connection: sa.Connection) -> int:
        query = sa.select(sa.func.count()).select_from(source)
        hint = f"partition ({CATCH_ALL})"
        found = connection.scalar(query.with_hint(source, hint, "mysql"))
        connection.commit()
        return int(found or 0)

    try:
        with database.connect(settings) as connection:
            before = late(connection)
            today = clock.today(settings)
            schema = str(source.schema)
            try:
                steps = _patiently(
                    connection, lambda: extend_partitions(connection, schema, table, None, today)
                )
                after = late(connection)
            finally:
                connection.invalidate()
    except (WarehouseError, sa.exc.DBAPIError) as error:
        why = database.reason_of(error)
        if isinstance(error, sa.exc.DBAPIError) and is_collision(error):
            why = "in use by a long transaction, so its partitions wait for the next run"
        return Horizon(table.name, 0, 0, 0, why)
    made = sum(len(step.parts) - 1 for step in steps)
    return Horizon(table.name, made, before - after, after)
