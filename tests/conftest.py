"""Settings for tests: a DuckDB file of the test's own, and MySQL databases of the test's own."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest
import sent
import sqlalchemy as sa
import warehouses
from oracles.base import Raw, SampleTables
from warehouses import Demo

from orchestration import database
from orchestration.dbt_project import target_path
from orchestration.errors import WarehouseError
from orchestration.sampledata.generate import generate
from orchestration.settings import (
    PROJECT_ROOT,
    MySQLConnection,
    Settings,
    load_settings,
    mysql_connection,
)

_COUNTER = itertools.count(1)
MASK_KEY = "a-key-for-tests-only-0123456789abcdef"


def _own_environment(folder: Path, **more: str) -> dict[str, str]:
    """The developer's environment without what would point a test at real data."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WAREHOUSE_", "MYSQL_"))
    }
    return {
        **kept,
        "WAREHOUSE_LOCAL_DIR": str(folder),
        "WAREHOUSE_DUCKDB_PATH": str(folder / "saas_warehouse.duckdb"),
        "WAREHOUSE_MASK_KEY": MASK_KEY,
        **more,
    }


@contextmanager
def _parsed_before(settings: Settings, basetemp: Path) -> Iterator[Settings]:
    """The settings, with what dbt parsed for an earlier test of this process and the same names.

    dbt itself decides whether that still holds.
    """
    name = f"{settings.target}-{settings.database_prefix}{warehouses.PARTIAL_PARSE}"
    kept, own = basetemp / name, target_path(settings) / warehouses.PARTIAL_PARSE
    if kept.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, own)
    yield settings
    if own.exists() and not kept.exists():
        shutil.copyfile(own, kept)


def drop_databases(settings: Settings) -> None:
    """Drop every MySQL database behind the settings' prefix (which must not be empty)."""
    assert settings.database_prefix, "refusing to drop databases without a prefix"
    with database.connect(settings) as connection:
        names = connection.scalars(
            sa.text(
                "select schema_name from information_schema.schemata "
                "where left(schema_name, char_length(:prefix)) = :prefix"
            ),
            {"prefix": settings.database_prefix},
        ).all()
        for name in names:
            connection.exec_driver_sql(f"drop database if exists `{name}`")


def _mysql_settings(server: MySQLConnection, folder: Path, name: str = "") -> Settings:
    return load_settings(
        _own_environment(
            folder,
            WAREHOUSE_TARGET="mysql",
            WAREHOUSE_DATABASE_PREFIX=f"t{os.getpid()}_{name or next(_COUNTER)}_",
            MYSQL_HOST=server.host,
            MYSQL_PORT=str(server.port),
            MYSQL_USER=server.user,
            MYSQL_PASSWORD=server.password,
        )
    )


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m "not mysql"` leaves exactly that out.

    Side by side, a module stays in one process and so does all that shares the demo: both are built
    once.
    """
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if {"mysql_settings", "module_mysql_settings"} & names:
            item.add_marker(pytest.mark.mysql)
        item.add_marker(pytest.mark.xdist_group("demo" if "demo" in names else item.path.stem))


sent.listen()


@pytest.fixture(autouse=True)
def only_declared_writes() -> Iterator[None]:
    """Operations write what operations/writes.py declares; the operator's role is made of that."""
    yield
    assert not sent.undeclared(), "add these to orchestration/operations/writes.py, or write less"


@pytest.fixture(scope="session")
def mysql_server() -> MySQLConnection:
    """The server that MYSQL_* name, or the private one; without any the test fails and says why.

    A developer who wants DuckDB only says so: WAREHOUSE_TEST_ENGINES=embedded skips instead.
    """
    if os.environ.get("WAREHOUSE_TEST_ENGINES") == "embedded":
        pytest.skip("WAREHOUSE_TEST_ENGINES=embedded: no MySQL by the developer's choice")
    local_dir = Path(os.environ.get("WAREHOUSE_LOCAL_DIR") or PROJECT_ROOT / ".local")
    try:
        server = mysql_connection(os.environ, local_dir)
        pymysql.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            connect_timeout=10,
        ).close()
    except (WarehouseError, pymysql.MySQLError) as error:
        pytest.fail(f"{error} (WAREHOUSE_TEST_ENGINES=embedded tests DuckDB alone.)", pytrace=False)
    return server


@pytest.fixture
def embedded_settings(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """DuckDB in a file of this test's own; nothing is deployed."""
    settings = load_settings(_own_environment(tmp_path))
    with _parsed_before(settings, tmp_path_factory.getbasetemp()):
        yield settings


@pytest.fixture
def mysql_settings(
    mysql_server: MySQLConnection, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """MySQL behind a database prefix, dropped at the test's end; the next test has the same."""
    settings = _mysql_settings(mysql_server, tmp_path, "test")
    with _parsed_before(settings, tmp_path_factory.getbasetemp()):
        yield settings
    drop_databases(settings)


@pytest.fixture(params=["embedded", pytest.param("mysql", marks=pytest.mark.mysql)])
def engine_settings(request: pytest.FixtureRequest) -> Settings:
    """Each engine in turn: a test that takes this runs on both."""
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture(scope="module")
def module_mysql_settings(
    mysql_server: MySQLConnection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """MySQL behind a prefix that a whole test module shares.

    The next module of this process has the same, so that what dbt parsed serves it too.
    """
    settings = _mysql_settings(mysql_server, tmp_path_factory.mktemp("mysql"), "module")
    with _parsed_before(settings, tmp_path_factory.getbasetemp()):
        yield settings
    drop_databases(settings)


@pytest.fixture(scope="module", params=["embedded", pytest.param("mysql", marks=pytest.mark.mysql)])
def module_engine_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Each engine in turn, one set of databases for a whole test module."""
    if request.param == "mysql":
        yield request.getfixturevalue("module_mysql_settings")
        return
    settings = load_settings(_own_environment(tmp_path_factory.mktemp("embedded")))
    with _parsed_before(settings, tmp_path_factory.getbasetemp()):
        yield settings


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))]


@pytest.fixture(scope="session", params=SEEDS)
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """The demo data of a seed on both engines, for tests that only read."""
    with on_both_engines(request, tmp_path_factory.mktemp("demo"), request.param) as built:
        yield built


@contextmanager
def on_both_engines(
    request: pytest.FixtureRequest, folder: Path, seed: int, scale: str = warehouses.SCALE
) -> Iterator[Demo]:
    """Sample data on DuckDB and on MySQL, built side by side, to be read only."""
    base = {"as_of": warehouses.AS_OF, "domains": warehouses.demo_domains()}
    engines = {"embedded": replace(load_settings(_own_environment(folder)), **base)}
    if os.environ.get("WAREHOUSE_TEST_ENGINES") != "embedded":
        server = request.getfixturevalue("mysql_server")
        engines["mysql"] = replace(_mysql_settings(server, folder), **base)
    sample = folder / "data" / scale  # where `make demo` looks for it
    today = warehouses.AS_OF.date()
    generate(engines["embedded"], scale, seed, today, sample, base["domains"])
    with ThreadPoolExecutor(2) as pool:
        building = {
            name: pool.submit(warehouses.build, settings, sample)
            for name, settings in engines.items()
        }
        yield Demo(sample, Raw(SampleTables(sample), warehouses.AS_OF), building)
    if "mysql" in engines:
        drop_databases(engines["mysql"])
