"""Errors of drivers and disks become one sentence and a fix."""

import errno
from dataclasses import replace

import duckdb
import pymysql
import pytest

from orchestration.database import check_server_version, explain, friendly_errors
from orchestration.errors import WarehouseError
from orchestration.settings import load_settings

MYSQL = load_settings(
    {
        "WAREHOUSE_TARGET": "mysql",
        "MYSQL_HOST": "db.example",
        "MYSQL_USER": "ada",
        "MYSQL_PASSWORD": "sesame",
    }
)
EMBEDDED = load_settings({"WAREHOUSE_DUCKDB_PATH": "/data/w.duckdb"})


@pytest.mark.parametrize("version", ["8.0.17", "8.4.3", "9.7.4-2", "8.0.36-28-log"])
def test_servers_that_work(version):
    check_server_version(version)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("5.5.5-10.11.6-MariaDB-1", "MariaDB"),
        ("11.4.2-MariaDB", "MariaDB"),
        ("5.7.44-log", "5.7.44"),
        ("8.0.16", "8.0.16"),
    ],
)
def test_servers_that_are_refused(version, says):
    with pytest.raises(WarehouseError, match=says) as caught:
        check_server_version(version)
    assert "MySQL 8.0.17 or later" in caught.value.fix


@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        (1045, "Access denied for user 'ada'@'x' (using password: YES)", "does not let user 'ada'"),
        (1044, "Access denied for user 'ada'@'%' to database 'x'", "lacks a permission"),
        (1142, "CREATE command denied to user 'ada'@'%' for table 't'", "lacks a permission"),
        (2003, "Can't connect (timed out)", "cannot be reached"),
        (2013, "Lost connection to MySQL server during query", "was lost"),
        (1021, "Disk full (/tmp/x); waiting for someone to free some space...", "disk is full"),
        (1114, "The table 'x' is full", "disk is full"),
        (1146, "Table 'a.b' doesn't exist", "'a.b'"),
        (3948, "Loading local data is disabled", "LOAD DATA LOCAL"),
    ],
)
def test_mysql_errors(code, message, says):
    known = explain(pymysql.err.OperationalError(code, message), MYSQL)
    assert known is not None
    assert says in known.message
    assert known.fix
    assert "sesame" not in str(known)


def test_duckdb_lock_names_the_process():
    known = explain(
        duckdb.IOException(
            'IO Error: Could not set lock on file "/data/w.duckdb": Conflicting lock is held in '
            "/usr/bin/python3.11 (PID 4711). See also https://duckdb.org"
        ),
        EMBEDDED,
    )
    assert known is not None
    assert "4711" in known.message
    assert "kill 4711" in known.fix


def test_a_table_without_its_database_is_told_with_it(tmp_path):
    """Not that nothing was deployed."""
    settings = replace(EMBEDDED, duckdb_path=tmp_path / "w.duckdb")
    with duckdb.connect(str(settings.duckdb_path)) as connection:
        connection.execute("create schema warehouse")
        connection.execute("create table warehouse.dim_tenants (id integer)")
        for name, fix in (
            ("dim_tenants", "warehouse.dim_tenants"),
            ("dim_users", "`warehouse deploy`"),
            ("dim_tenant", "`warehouse deploy`"),  # one like it is not it
        ):
            with pytest.raises(duckdb.Error) as caught:
                connection.execute(f"select * from {name}")
            assert fix in str(explain(caught.value, settings))


def test_full_disks():
    full = OSError(errno.ENOSPC, "No space left on device", "/data/x")
    assert "disk is full" in str(explain(full, EMBEDDED))
    written = duckdb.IOException("IO Error: Could not write file: No space left on device")
    assert "disk is full" in str(explain(written, EMBEDDED))


def test_mistakes_in_the_code_keep_their_traceback():
    syntax = pymysql.err.ProgrammingError(1064, "You have an error in your SQL syntax")
    assert explain(syntax, MYSQL) is None
    with pytest.raises(pymysql.err.ProgrammingError), friendly_errors(MYSQL):
        raise syntax
    with pytest.raises(FileNotFoundError), friendly_errors(MYSQL):
        raise FileNotFoundError(errno.ENOENT, "no", "x")
