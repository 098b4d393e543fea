"""A MySQL server without memory for temporary tables: who must wait, and what is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dbt.adapters.mysql.connections  # noqa: F401 (dbt's plug-ins below want its adapters first)
import mysql.connector
import pymysql
import pytest
from dbt.events.functions import EVENT_MANAGER
from private_servers import server_with

import dbt_warehouse_session as session
from orchestration import database
from orchestration.settings import Settings

pytestmark = pytest.mark.mysql
OPTIONS = ("--temptable-max-ram=2M", "--innodb-redo-log-capacity=64M",
           "--innodb-buffer-pool-size=128M")  # fmt: skip
READ_TWICE = (
    "with counted as (select table_schema as home, count(*) as number"
    " from information_schema.tables group by table_schema)"
    " select sum(one.number = other.number) = count(*) as is_same"
    " from counted as one inner join counted as other on other.home = one.home"
)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A server of its own with the least memory that MySQL allows."""
    with server_with(OPTIONS) as settings:
        yield settings


def _server(settings: Settings) -> dict[str, Any]:
    server = settings.mysql
    return {"host": server.host, "port": server.port, "user": server.user,
            "password": server.password}  # fmt: skip


@contextmanager
def no_memory_left(settings: Settings, seconds: float) -> Iterator[None]:
    """Sessions take all of it and keep it for so long from then on, waiting for a lock."""

    def hold() -> None:
        with pymysql.connect(**_server(settings)) as holder, holder.cursor() as cursor:
            cursor.execute(
                "select count(*) from (select help_topic_id, repeat('x', 900) as filling"
                " from mysql.help_topic limit 500) as kept"
                " where get_lock(concat('memory', left(filling, 0)), 100) = 1"
            )

    threads = [threading.Thread(target=hold) for _ in range(3)]
    with pymysql.connect(**_server(settings)) as keeper, keeper.cursor() as cursor:
        cursor.execute("select get_lock('memory', 0)")
        for number, thread in enumerate(threads, start=1):  # one after the other has its table
            thread.start()
            for _ in range(300):
                cursor.execute("show processlist")
                if sum(row[6] == "User lock" for row in cursor.fetchall()) == number:
                    break
                time.sleep(0.05)
        giving_back = threading.Timer(seconds, cursor.execute, ["select release_lock('memory')"])
        try:
            _wait_until_it_fails(settings)
        finally:
            giving_back.start()
        yield
        for thread in [giving_back, *threads]:
            thread.join()


def _wait_until_it_fails(settings: Settings) -> None:
    failed = 0
    for _ in range(100):
        with pymysql.connect(**_server(settings)) as other, other.cursor() as cursor:
            try:
                cursor.execute(READ_TWICE)
                failed = 0
            except pymysql.MySQLError as error:
                assert database.is_out_of_temporary_memory(error)
                failed += 1
        if failed == 3:  # and not only while the others were at their beginning
            return
        time.sleep(0.1)
    raise AssertionError("the server always had memory left")


def _dbt_connection(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    server = _server(settings)
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"MYSQL_{name.upper()}", str(server[name]))
    return mysql.connector.connect(**server)


def test_dbt_s_statement_waits_and_its_transaction_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(EVENT_MANAGER, "callbacks", [lambda told: heard.append(told.info.msg)])
    monkeypatch.setattr(session, "TEMPORARY_TABLE_PAUSE", 0.5)
    handle = _dbt_connection(settings, monkeypatch)
    try:
        cursor = handle.cursor()
        cursor.execute("create database if not exists waiting")
        cursor.execute("create table waiting.kept (n int)")
        cursor.execute("start transaction")
        cursor.execute("insert into waiting.kept values (1)")
        with no_memory_left(settings, 3):
            cursor.execute(f"insert into waiting.kept {READ_TWICE}")
        handle.commit()
        cursor.execute("select count(*), sum(n) from waiting.kept")
        assert cursor.fetchall() == [(2, 2)]
        [told] = [text for text in heard if "no memory left" in text]
        assert "waiting for other statements to end, 900 s at most" in told
    finally:
        handle.close()


def test_who_waits_in_vain_is_told_what_to_raise(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TEMPORARY_TABLE_PATIENCE", 1)
    handle = _dbt_connection(settings, monkeypatch)
    try:
        with no_memory_left(settings, 3):
            with pytest.raises(mysql.connector.ProgrammingError, match="temptable_max_ram"):
                handle.cursor().execute(READ_TWICE)
            with database.connect(settings) as connection:
                with pytest.raises(Exception, match="#sql") as caught:
                    connection.exec_driver_sql(READ_TWICE)
                told = database.explain(caught.value.orig, settings)
                assert told is not None and "temptable_max_ram" in told.fix
        with pytest.raises(mysql.connector.ProgrammingError, match="nowhere"):
            handle.cursor().execute("select * from waiting.nowhere")
    finally:
        handle.close()


def test_a_session_leaves_the_others_some(settings: Settings) -> None:
    with pymysql.connect(**_server(settings)) as connection, connection.cursor() as cursor:
        session.prepare_mysql_session(cursor, None)
        cursor.execute("select @@tmp_table_size, @@global.temptable_max_ram")
        [(own, all_sessions)] = cursor.fetchall()
    assert own * 32 == all_sessions
