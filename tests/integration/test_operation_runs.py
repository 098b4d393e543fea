"""What every operation keeps: batches, retries, the guard, the audit trail, the dry run.

The operation under test is the smallest there can be: it raises the VIP level of customers that
have none, in two tenants.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.operations.running import (
    AlreadyRunning,
    Operation,
    Report,
    Run,
    only_one,
    run_operation,
    transaction,
)
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 12, 0)
TENANTS = ("t1", "t2")
FIELDS = ("id", "vip_level")


def _raise(run: Run, broken_at: int | None = None) -> None:
    customers, seen = run.table("customers"), []

    def write(connection: sa.Connection, ids: Sequence[str]) -> int:
        seen.append(len(ids))
        if broken_at == len(seen):
            raise ValueError("pulled the plug")
        change = customers.update().where(customers.c.id.in_(ids), customers.c.vip_level == 0)
        return connection.execute(change.values(vip_level=1, updated_at=run.as_of)).rowcount

    for tenant in TENANTS:
        with run.read() as connection:
            wanted = sa.select(customers.c.id).where(
                customers.c.tenant_id == tenant, customers.c.vip_level == 0
            )
            ids = connection.scalars(wanted.order_by(customers.c.id)).all()
        run.examined += len(ids)
        run.change(tenant, ids, write)


RAISE = Operation("raise_levels", "customer", _raise, "Raises levels.")


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    """The two tables that are touched: customers c00 to c11 of t1, c12 to c14 of t2."""
    settings = replace(engine_settings, as_of=AS_OF)
    with database.begin(settings) as connection:
        for name in ("customers", "saas_unified_audit_logs"):
            table = table_named(metadata_of(settings), name)
            kind = "database" if settings.is_mysql else "schema"
            connection.exec_driver_sql(f"create {kind} {table.schema}")
            table.create(connection)
    rows = [
        {"id": f"c{n:02}", "tenant_id": TENANTS[n > 11], "customer_code": str(n), "name": "x",
         "source_channel": "app", "vip_level": 0, "created_at": datetime(2026, 1, 1),
         "updated_at": datetime(2026, 1, 1)}
        for n in range(15)
    ]  # fmt: skip
    with database.begin(settings) as connection:
        connection.execute(table_named(metadata_of(settings), "customers").insert(), rows)
    return settings


def rows(settings: Settings, name: str) -> list[dict[str, Any]]:
    table = table_named(metadata_of(settings), name)
    with database.connect(settings) as connection:
        found = connection.execute(sa.select(table).order_by(table.c.id)).mappings()
        return [dict(row) for row in found]


def raised(settings: Settings) -> list[str]:
    return [row["id"] for row in rows(settings, "customers") if row["vip_level"]]


def run(settings: Settings, **options: Any) -> Report:
    return run_operation(RAISE, settings, **options)


def test_a_run_changes_reports_and_audits_and_a_second_one_does_nothing(settings: Settings) -> None:
    report = run(settings, batch_rows=5)
    assert (report.examined, report.changed) == (15, 15)
    assert report.changed_by_tenant == {"t1": 12, "t2": 3}
    assert json.loads(report.to_json())["as_of"] == "2026-06-30 12:00:00"
    assert {row["updated_at"] for row in rows(settings, "customers")} == {AS_OF}
    audit = rows(settings, "saas_unified_audit_logs")
    assert sorted((a["tenant_id"], a["change_data"]["changed"]) for a in audit) == [
        ("t1", 12),
        ("t2", 3),
    ]
    assert {
        (a["operator_type"], a["target_name"], a["status"], a["created_at"]) for a in audit
    } == {("scheduled", "raise_levels", "success", AS_OF)}
    again = run(settings)
    assert (again.examined, again.changed) == (0, 0)
    assert rows(settings, "saas_unified_audit_logs") == audit


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(settings: Settings) -> None:
    before = rows(settings, "customers")
    report = run(settings, dry_run=True, batch_rows=4)
    assert report.changed_by_tenant == {"t1": 12, "t2": 3}
    assert "would change 15" in report.summary()
    assert rows(settings, "customers") == before
    assert rows(settings, "saas_unified_audit_logs") == []


def test_a_run_that_broke_off_keeps_whole_batches_and_the_next_one_ends_it(
    settings: Settings,
) -> None:
    broken = replace(RAISE, perform=lambda run: _raise(run, broken_at=3))
    with pytest.raises(ValueError, match="pulled the plug"):
        run_operation(broken, settings, batch_rows=5)
    assert raised(settings) == [f"c{n:02}" for n in range(10)]
    (audit,) = rows(settings, "saas_unified_audit_logs")
    assert (audit["status"], audit["change_data"]["changed"]) == ("partial", 10)
    assert run(settings, batch_rows=5).changed == 5
    assert len(raised(settings)) == 15


def test_without_the_core_domain_the_trail_goes_to_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run(replace(settings, domains=("customer",)))
    assert "raise_levels" in caplog.text and '"t1"' in caplog.text
    assert rows(settings, "saas_unified_audit_logs") == []


def test_an_operation_of_a_domain_that_is_off_is_refused(settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="switched off"):
        run(replace(settings, domains=("core",)))


def test_two_runs_never_overlap(settings: Settings) -> None:
    with only_one(settings, "raise_levels"):
        with pytest.raises(AlreadyRunning):
            run(settings)
        with only_one(settings, "another"):
            pass
    assert raised(settings) == []
    assert run(settings).changed == 15


def test_a_batch_that_meets_another_transaction_is_tried_again(settings: Settings) -> None:
    """DuckDB refuses at once, MySQL finds a deadlock: c00 then c01 against c01 then c00."""
    customers = table_named(metadata_of(settings), "customers")
    attempts = {"c00": 0, "c01": 0}
    both = threading.Barrier(2, timeout=20)
    failed: list[BaseException] = []

    def bump(connection: sa.Connection, first: str, second: str) -> None:
        attempts[first] += 1
        for key in (first, second):
            more = customers.update().where(customers.c.id == key)
            connection.execute(more.values(vip_level=customers.c.vip_level + 1))
            if key == first and attempts[first] == 1:
                both.wait()

    def work(first: str, second: str) -> None:
        try:
            transaction(settings, bump, first, second)
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=work, args=pair) for pair in (("c00", "c01"), ("c01", "c00"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert [row["vip_level"] for row in rows(settings, "customers")[:2]] == [2, 2]
    assert sum(attempts.values()) > 2, "nobody had to try again"


def test_rows_that_stay_locked_are_reported_in_the_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.operations.running.PAUSES", (0.01, 0.01))
    customers = table_named(metadata_of(settings), "customers")
    change = customers.update().where(customers.c.id == "c00").values(vip_level=9)
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        if settings.is_mysql:
            connection.exec_driver_sql("set session innodb_lock_wait_timeout = 1")
        connection.execute(change)

    with database.begin(settings) as holder:
        holder.execute(change)
        with pytest.raises(WarehouseError, match="stayed locked by others through 3 attempts"):
            transaction(settings, work)
    assert len(tries) == 3
