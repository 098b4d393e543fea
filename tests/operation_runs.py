"""What every operation must do, whatever it does: say it beforehand, do it once, leave a trail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from operation_rows import AS_OF, Rows
from rows import Row, insert, rows, table

from orchestration import database
from orchestration.operations import running
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, run_operation
from orchestration.settings import Settings

AUDIT = "saas_unified_audit_logs"
# For tests of row locks and plans, which DuckDB does not have.
ON_MYSQL = pytest.mark.parametrize(
    "module_engine_settings", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True
)


def run(settings: Settings, name: str, as_of: Any = AS_OF, **options: Any) -> Report:
    """Run an operation by its name."""
    (operation,) = (o for o in OPERATIONS if o.name == name)
    return run_operation(operation, replace(settings, as_of=as_of), **options)


def fill(settings: Settings, world: Rows) -> None:
    """These rows and no others, the audit trail empty."""
    with database.begin(settings) as connection:
        for name in (AUDIT, *reversed(world)):
            connection.execute(table(settings, name).delete())
    for name, listed in world.items():
        if listed:
            insert(settings, name, *listed)


def everything(settings: Settings, names: Iterable[str]) -> Rows:
    """All rows of these tables, by id."""
    return {name: rows(settings, name) for name in names}


def check_run(
    settings: Settings,
    name: str,
    tables: Iterable[str],
    expected: Callable[[Rows], tuple[Rows, Mapping[str, int]]],
    as_of: Any = AS_OF,
    seen: Callable[[Rows], Any] = lambda found: found,
    batch_rows: int = 7,
) -> Report:
    """A dry run, the run and a second one, against what `expected` makes of the rows before.

    It also says how many rows change by tenant. `seen` leaves out what nobody can know.
    """
    tables = tuple(tables)
    before, trail = everything(settings, tables), rows(settings, AUDIT)
    wanted, counts = expected(everything(settings, tables))
    counts = {tenant: n for tenant, n in counts.items() if n}
    dry = run(settings, name, as_of, dry_run=True)
    assert dry.changed_by_tenant == counts
    assert everything(settings, tables) == before
    assert rows(settings, AUDIT) == trail
    report = run(settings, name, as_of, batch_rows=batch_rows)
    assert report.changed_by_tenant == counts
    assert report.examined == dry.examined >= report.changed
    after = everything(settings, tables)
    for each in tables:
        assert seen({each: after[each]}) == seen({each: wanted[each]})
    known = {row["id"] for row in trail}
    told = [row for row in rows(settings, AUDIT) if row["id"] not in known]
    assert {row["tenant_id"]: row["change_data"]["changed"] for row in told} == counts
    assert {(row["target_name"], row["operator_type"], row["created_at"]) for row in told} <= {
        (name, "scheduled", as_of)
    }
    again = run(settings, name, as_of)
    assert (again.changed, again.examined) == (0, again.examined)
    assert everything(settings, tables) == after
    return report


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, write: Callable[[], None]) -> Iterator[None]:
    """`write` happens after the operation has looked and before its first transaction begins."""
    transaction, waiting = running.transaction, [write]

    def late(*arguments: Any) -> Any:
        if waiting:
            waiting.pop()()
        return transaction(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(running, "transaction", late)
        yield
    assert not waiting, "the operation wrote nothing"


def explained(settings: Settings, work: Callable[[], Any]) -> list[Row]:
    """MySQL's plan of every statement that `work` sends, a row a table, as it is sent."""
    found: list[Row] = []

    def explain(_c: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if not sql.lstrip().lower().startswith(("select", "update", "delete")):
            return
        with database.connect(settings) as other:
            steps = other.exec_driver_sql(f"explain format = traditional {sql}", parameters)
            found.extend({k.lower(): v for k, v in step.items()} for step in steps.mappings())

    engine = database.connect_engine(settings)
    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        work()
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)
    return found


@contextmanager
def short_lock_waits(settings: Settings) -> Iterator[None]:
    """Whoever waits for a row's lock in MySQL hears of it after a second, and but once."""

    def shorten(connection: sa.Connection) -> None:
        connection.exec_driver_sql("set session innodb_lock_wait_timeout = 1")

    engine = database.connect_engine(settings)
    sa.event.listen(engine, "begin", shorten)
    try:
        yield
    finally:
        sa.event.remove(engine, "begin", shorten)
        engine.dispose()
