"""Doctor on real engines: it finds what was broken, names the fix, and the fix mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from orchestration import database
from orchestration.schema.deploy import deploy
from orchestration.schema.doctor import Finding, examine, exit_code, render
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 12)
# What the server itself is set to is not the test's to decide where MYSQL_HOST names it.
OURS = ("connection", "version", "file", "privileges", "events", "tables", "schema", "charset",
        "partition horizon", "p_future")  # fmt: skip


@pytest.fixture(scope="module")
def deployed(module_engine_settings: Settings) -> Iterator[Settings]:
    """One domain, deployed once; each test undoes what it breaks."""
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("wework",))
    deploy(settings, progress=lambda _line: None)
    yield settings


@pytest.fixture(scope="module")
def server(module_mysql_settings: Settings) -> Settings:
    """The same on MySQL, for what only a server has."""
    settings = replace(module_mysql_settings, as_of=AS_OF, domains=("wework",))
    deploy(settings, progress=lambda _line: None)
    return settings


def execute(settings: Settings, *statements: str) -> None:
    name = settings.database_prefix + "wework_platform"
    with database.begin(settings) as connection:
        for statement in statements:
            connection.execute(sa.text(statement.format(wework=name)))


def finding(settings: Settings, check: str) -> Finding:
    """The worst finding of that check."""
    order = ("problem", "warning", "ok")
    return min(
        (f for f in examine(settings) if f.check == check), key=lambda f: order.index(f.level)
    )


def test_all_is_well_after_deploy(deployed):
    findings = examine(deployed)
    bad = [f for f in findings if f.level != "ok" and f.check in OURS]
    assert bad == []
    assert {f.check for f in findings} >= (
        {"connection", "version", "time zone", "charset", "sql_mode", "local_infile"}
        | {"group_concat_max_len", "privileges", "events", "tables", "schema"}
        | {"partition horizon", "p_future"}
        if deployed.is_mysql
        else {"file", "version", "disk", "tables", "schema"}
    )


def test_nothing_deployed_is_a_problem(engine_settings):
    findings = examine(engine_settings)
    assert exit_code(findings) == 2
    assert "fix: warehouse deploy" in render(findings)
    assert not engine_settings.duckdb_path.exists(), "doctor makes no file"


def test_a_lost_column_and_a_lost_table(deployed):
    execute(deployed, "alter table {wework}.wework_groups drop column group_notice")
    execute(deployed, "drop table {wework}.wework_group_members")
    schema = finding(deployed, "schema")
    assert schema.level == "problem"
    assert "wework_groups.group_notice: missing column" in schema.detail
    tables = finding(deployed, "tables")
    assert "wework_platform.wework_group_members" in tables.detail
    assert tables.fix == "warehouse deploy"
    deploy(deployed, progress=lambda _line: None)
    assert finding(deployed, "schema").level == finding(deployed, "tables").level == "ok"


def test_a_column_of_somebody_else(deployed):
    execute(deployed, "alter table {wework}.wework_groups add column own_note varchar(20)")
    try:
        schema = finding(deployed, "schema")
        assert schema.level == "problem"
        assert "wework_groups.own_note: extra column" in schema.detail
        assert "by hand" in schema.fix
    finally:
        execute(deployed, "alter table {wework}.wework_groups drop column own_note")


def test_harmless_additions_are_only_mentioned(deployed):
    execute(deployed, "create table {wework}.own_notes (id int)")
    try:
        schema = finding(deployed, "schema")
        assert schema.level == "ok"
        assert "own_notes: extra table" in schema.detail
    finally:
        execute(deployed, "drop table {wework}.own_notes")


def test_partitions_that_run_out(server):
    assert finding(replace(server, as_of=datetime(2026, 7, 1)), "partition horizon").level == (
        "warning"
    )
    late = finding(replace(server, as_of=datetime(2026, 9, 1)), "partition horizon")
    assert late.level == "problem"
    assert "wework_message_records ends with 2026-09" in late.detail
    assert late.fix == "warehouse deploy"


def test_rows_in_the_catch_all(server):
    execute(
        server,
        "insert into {wework}.wework_callback_logs (id, tenant_id, callback_type, event_type, "
        "processing_status, created_at) values "
        "('f', 't', 'message', 'x', 'success', '2026-10-01 00:00:00')",
    )
    future = finding(server, "p_future")
    assert future.level == "problem"
    assert "1 in wework_callback_logs" in future.detail
    later = replace(server, as_of=datetime(2026, 7, 1))
    deploy(later, progress=lambda _line: None)
    assert finding(later, "p_future").level == "ok"


def test_a_replaced_event_that_still_exists(server):
    execute(
        server,
        "create event {wework}.auto_status_check on schedule every 2 minute "
        "starts '2099-01-01' do select 1",
    )
    try:
        events = finding(server, "events")
        assert events.level in ("warning", "problem")
        assert "auto_status_check" in events.detail
        assert "disable" in events.fix
        execute(server, "alter event {wework}.auto_status_check disable")
        assert finding(server, "events").level == "ok"
    finally:
        execute(server, "drop event {wework}.auto_status_check")


def test_a_database_in_another_collation(server):
    execute(server, "alter database {wework} collate utf8mb4_bin")
    charset = finding(server, "charset")
    assert charset.level == "warning"
    assert "utf8mb4_bin" in charset.detail
    execute(server, charset.fix.removeprefix("mysql> ").rstrip(";"))
    assert finding(server, "charset").level == "ok"


def test_a_user_with_too_few_privileges(server):
    user = f"reader_{os.getpid()}"
    with database.connect(server) as connection:
        connection.exec_driver_sql(f"create user '{user}'@'%%' identified by 'poor'")
        connection.exec_driver_sql(
            f"grant select on `{server.database_prefix}wework_platform`.* to '{user}'@'%%'"
        )
    try:
        environment = {**server.environment, "MYSQL_USER": user, "MYSQL_PASSWORD": "poor"}
        privileges = finding(replace(server, environment=environment), "privileges")
        assert privileges.level == "problem"
        wework = f"{server.database_prefix}wework_platform"
        assert (
            f"grant alter, create, create view, delete, drop, index, insert, references, "
            f"show view, update on `{wework}`.* to '{user}'@'%'" in privileges.fix
        )
    finally:
        with database.connect(server) as connection:
            connection.exec_driver_sql(f"drop user '{user}'@'%%'")


def test_a_server_that_does_not_answer(server):
    environment = {**server.environment, "MYSQL_PORT": "1"}
    (only,) = examine(replace(server, environment=environment))
    assert (only.check, only.level) == ("connection", "problem")
    assert "make mysql-up" in only.fix


def test_a_file_that_another_process_holds(embedded_settings):
    deploy(replace(embedded_settings, domains=("wework",)), progress=lambda _line: None)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('up', flush=True); "
            "sys.stdin.read()",
            str(embedded_settings.duckdb_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"up\n"
        impatient = {**embedded_settings.environment, "WAREHOUSE_DUCKDB_WAIT_SECONDS": "0.2"}
        (only,) = examine(replace(embedded_settings, environment=impatient))
        assert (only.check, only.level) == ("file", "problem")
        assert f"process {holder.pid}" in only.detail
    finally:
        holder.communicate(b"")
