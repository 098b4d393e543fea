"""What dbt_warehouse_session does to the connections that dbt opens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pymysql
import pytest
from dbt.exceptions import DbtDatabaseError
from harness import clean_environment
from warehouses import connect_mysql

from dbt_warehouse_session import add_mysql_query, prepare_mysql_session, session_pads
from orchestration.dbt_project import target_path
from orchestration.settings import PROJECT_ROOT, MySQLConnection, Settings


def _show(settings: Settings, query: str, environment: Mapping[str, str]) -> str:
    """What `dbt show` prints for a query, or its complaint."""
    arguments = [
        "show", "--inline", query, "--output", "json", "--project-dir", str(PROJECT_ROOT),
        "--profiles-dir", str(PROJECT_ROOT), "--target", settings.target,
        "--target-path", str(target_path(settings)),
        "--log-path", str(settings.local_dir / "logs"),
    ]  # fmt: skip
    run = subprocess.run(
        [Path(sys.executable).parent / "dbt", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


@pytest.mark.mysql
def test_mysql_session(mysql_settings: Settings) -> None:
    """Zone, limits and mode; and the private server is found without MYSQL_ variables."""
    server = mysql_settings.mysql
    environment = mysql_settings.child_environment()
    for name in ("MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD"):
        del environment[name]
    (mysql_settings.local_dir / "mysql").mkdir()
    (mysql_settings.local_dir / "mysql" / "connection.json").write_text(
        json.dumps(
            {
                "host": server.host,
                "port": server.port,
                "user": server.user,
                "password": server.password,
            }
        )
    )
    query = (
        "select @@time_zone as z, @@lock_wait_timeout as w, @@group_concat_max_len as g, "
        "'a' || 'b' as c, 'x' as collated"
    )
    shown = _show(mysql_settings, query, environment)
    assert '"z": "+08:00"' in shown, shown
    assert '"w": 5' in shown
    assert '"g": 1048576' in shown
    assert '"c": "ab"' in shown


@pytest.mark.mysql
def test_applications_write_where_a_build_reads(mysql_settings: Settings) -> None:
    """With MySQL's default isolation the second insert would wait for the build's end."""
    home = mysql_settings.database_prefix + "app"
    with connect_mysql(mysql_settings) as build, connect_mysql(mysql_settings) as application:
        made, writes = build.cursor(), application.cursor()
        made.execute(f"create database {home}")
        for name in ("read_rows", "built_rows"):
            made.execute(
                f"create table {home}.{name} (id int primary key, on_day date, key (on_day))"
            )
        made.execute(f"insert into {home}.read_rows values (1, '2026-06-01'), (3, '2026-06-03')")
        build.commit()
        prepare_mysql_session(made, None)
        made.execute(
            f"insert into {home}.built_rows select id, on_day from {home}.read_rows "
            "where on_day >= '2026-06-01' and on_day < '2026-06-04'"
        )
        writes.execute("set innodb_lock_wait_timeout = 1")
        writes.execute(f"insert into {home}.read_rows values (2, '2026-06-02')")
        writes.execute(f"update {home}.read_rows set on_day = '2026-06-05' where id = 3")
        application.commit()
        build.commit()
        writes.execute(f"select group_concat(id order by id) from {home}.built_rows")
        assert writes.fetchone() == ("1,3",)


@pytest.mark.mysql
def test_the_key_of_a_named_server_must_be_given(mysql_server: MySQLConnection) -> None:
    named = {"MYSQL_HOST": mysql_server.host, "MYSQL_USER": "u", "MYSQL_PASSWORD": "p"}
    with clean_environment(**named):
        assert session_pads("mysql") is None
    connection = pymysql.connect(
        host=mysql_server.host,
        port=mysql_server.port,
        user=mysql_server.user,
        password=mysql_server.password,
    )
    with connection, connection.cursor() as cursor:
        prepare_mysql_session(cursor, None)
        cursor.execute("select @warehouse_mask_inner, @warehouse_mask_outer")
        assert cursor.fetchone() == (None, None)


@pytest.mark.mysql
def test_wrong_port_is_one_sentence(mysql_settings: Settings) -> None:
    environment = {**mysql_settings.child_environment(), "MYSQL_PORT": "1"}
    shown = _show(mysql_settings, "select 1 as a", environment)
    assert "Can't connect to MySQL server on '" in shown
    assert "Traceback" not in shown


def test_a_held_duckdb_file_is_named(embedded_settings: Settings) -> None:
    holder = (
        "import duckdb, sys, time\n"
        f"c = duckdb.connect({str(embedded_settings.duckdb_path)!r})\n"
        "print('open', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            environment = {
                **embedded_settings.child_environment(),
                "WAREHOUSE_DUCKDB_WAIT_SECONDS": "0.5",
            }
            shown = _show(embedded_settings, "select 1 as a", environment)
        finally:
            process.kill()
    assert f"Another process holds {embedded_settings.duckdb_path}" in shown, shown
    assert str(process.pid) in shown
    assert "Traceback" not in shown
    with duckdb.connect(str(embedded_settings.duckdb_path)):
        pass


def test_a_missing_folder_is_named(embedded_settings: Settings, tmp_path: Path) -> None:
    environment = {
        **embedded_settings.child_environment(),
        "WAREHOUSE_DUCKDB_PATH": str(tmp_path / "nowhere" / "saas_warehouse.duckdb"),
    }
    shown = _show(embedded_settings, "select 1 as a", environment)
    assert "There is no folder" in shown and "warehouse deploy" in shown


@pytest.mark.parametrize(
    ("sql", "message", "asked"),
    [
        ("create or replace sql security invoker view v as select 1", "1213 (40001): Dead", 3),
        ("alter table t add constraint c foreign key (a) references b (c)", "1205 (HY000): L", 3),
        ("/* dbt */\nrename table a to b, c to a", "1205 (HY000): Lock wait timeout", 3),
        ("create or replace view v as select 1", "1146 (42S02): no such table", 1),
        ("insert into t select 1", "1213 (40001): Deadlock found", 1),
        ("insert into t select 'drop table'", "1205 (HY000): Lock wait timeout", 1),
    ],
)
def test_a_definition_that_met_a_lock_is_tried_again(sql: str, message: str, asked: int) -> None:
    """Anything else may have lost the transaction that it was part of."""
    calls = []
    connection = SimpleNamespace(transaction_open=True)
    manager = SimpleNamespace(get_thread_connection=lambda: connection)

    def add_query(manager: object, statement: str) -> str:
        calls.append(statement)
        if len(calls) < 3:
            connection.transaction_open = False  # dbt rolls back
            raise DbtDatabaseError(message)
        return "done"

    if asked == 3:
        assert add_mysql_query(add_query, manager, sql) == "done"
        assert connection.transaction_open
    else:
        with pytest.raises(DbtDatabaseError):
            add_mysql_query(add_query, manager, sql)
    assert calls == [sql] * asked
