"""What operations send is what orchestration/operations/writes.py declares, no less and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import sent
import sqlalchemy as sa
from rows import insert, make_tables, table

from orchestration import database
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Operation, Run, run_operation
from orchestration.settings import PROJECT_ROOT, Settings

# Tests that let operations, bookings and reports write.
WRITERS = (
    "test_ai_operations", "test_booking", "test_business_operations", "test_core_operations",
    "test_customer_lifecycle_operations", "test_customer_operations", "test_health_alert_rules",
    "test_health_device_operations", "test_health_report", "test_run_alerts",
    "test_wework_monitor_rules", "test_wework_status_check", "test_write_back",
)  # fmt: skip


@pytest.mark.parametrize("dialect", ["mysql", "duckdb"])
@pytest.mark.parametrize(
    ("statement", "parts"),
    [
        (
            "update d.wework_accounts set phone=%(a)s, updated_at=%(b)s where id = %(c)s",
            {("update", "wework_accounts", "phone"), ("update", "wework_accounts", "updated_at")},
        ),
        ("delete from d.saas_files where id in (null)", {("delete", "saas_files", "")}),
        ("insert into d.customer_tags (id, status) values (%(a)s, 1)",
         {("insert", "customer_tags", "")}),
        ("select c.config_value from d.saas_unified_configs as c",
         {("read", "saas_unified_configs", "config_value")}),
        ("select id from d.somebody_elses", set()),
        ("set time_zone = '+08:00'", set()),
    ],
)  # fmt: skip
def test_statements_are_understood(statement: str, parts: set, dialect: str) -> None:
    assert sent.parts(statement, dialect) == parts


def test_rows_that_are_there_already_are_updated() -> None:
    update = {("insert", "customer_tags", ""), ("update", "customer_tags", "status")}
    values = "insert into customer_tags (id, status) values (1, 'x') "
    assert sent.parts(f"{values}on duplicate key update status = 'x'", "mysql") == update
    assert sent.parts(f"{values}on conflict (id) do update set status = 'x'", "duckdb") == update


def test_an_undeclared_write_is_noticed(
    engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent, "SENT", set())
    make_tables(engine_settings, ["customers", "saas_unified_audit_logs"])
    customers = table(engine_settings, "customers")
    row = {"id": "c", "tenant_id": "t", "customer_code": "1", "name": "x", "source_channel": "app"}
    with database.begin(engine_settings) as connection:
        connection.execute(customers.insert(), [row])

    def rename(run: Run) -> None:
        change = sa.update(run.table("customers")).values(name="somebody")
        run.change("t", ["c"], lambda connection, _: connection.execute(change).rowcount)

    monkeypatch.setattr(sent, "SENDERS", (__name__,))
    run_operation(Operation("renames", "customer", rename, "Renames."), engine_settings)
    assert sent.undeclared() == {("update", "customers", "name")}
    sent.SENT.clear()


def test_what_operations_send_is_theirs(
    engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent, "SENT", set())
    make_tables(engine_settings, ["marketing_coupons", "saas_unified_audit_logs"])
    [operation] = [each for each in OPERATIONS if each.name == "cleanup_expired_coupons"]
    insert(engine_settings, "marketing_coupons",
           {"status": "active", "end_time": datetime(2020, 1, 1)})  # fmt: skip
    assert run_operation(operation, engine_settings).changed == 1
    wanted = {("update", "marketing_coupons", "status"), ("insert", "saas_unified_audit_logs", "")}
    assert wanted <= sent.SENT


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_that_is_declared_is_sent(tmp_path: Path) -> None:
    """On DuckDB alone: the statements are the same."""
    file = tmp_path / "sent.json"
    tests = [f"tests/integration/{name}.py" for name in WRITERS]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "sent", "-m", "not mysql and not slow"]
    run = subprocess.run(
        [*command, *tests],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": "tests", "WAREHOUSE_TEST_SENT": str(file),
                          "WAREHOUSE_TEST_ENGINES": "embedded"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    found = {tuple(part) for part in json.loads(file.read_text())}
    never = sent.declared() - found
    assert {part for part in never if part[0] != "read"} == set()
    # of a table whose rows are read whole, a secret at least
    read = {name for kind, name, _ in found if kind == "read"}
    assert {name for kind, name, _ in never if kind == "read"} <= read
