"""The demo data on both engines, deployed, loaded and built once for all tests that only read.

`demo` (conftest) gives a `Demo`. Both engines are built side by side in the background; the first
`demo.on(engine)` waits. WAREHOUSE_TEST_DOMAINS=core,ai makes a developer's run build these only.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pymysql
import pytest
import sqlalchemy as sa
from oracles.base import Keyed, Raw, Row

from orchestration import database
from orchestration.ab_tests import refresh_ab_test_results
from orchestration.dbt_project import dbt_arguments, target_path
from orchestration.manifest import dbt_executable
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.schema.record import load_record
from orchestration.settings import DOMAINS, PROJECT_ROOT, Settings

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
SCALE = "demo"
ENGINES = ("embedded", pytest.param("mysql", marks=pytest.mark.mysql))
# For what takes most of a minute an engine: `make test` asks MySQL, `make proof` both.
ENGINES_SPARINGLY = (
    pytest.param("embedded", marks=pytest.mark.slow),
    pytest.param("mysql", marks=pytest.mark.mysql),
)
PARTIAL_PARSE = "partial_parse.msgpack"
MYSQL_FLOATS = (pymysql.constants.FIELD_TYPE.FLOAT, pymysql.constants.FIELD_TYPE.DOUBLE)
# Deployment adds rows of its own to these: they are taken as they stand.
WITH_DEFAULTS = {
    "saas_tenants": "saas_unified_core",
    "saas_tenant_quotas": "saas_unified_core",
    "saas_roles": "saas_unified_core",
    "saas_permissions": "saas_unified_core",
    "saas_role_permissions": "saas_unified_core",
    "wework_account_monitor_rules": "wework_platform",
}
# What a rebuilt row carries besides its figures; the window tests speak of the stamps.
BOOKKEEPING = ("id", "created_at", "updated_at")


def demo_domains() -> tuple[str, ...]:
    """All domains, or those that WAREHOUSE_TEST_DOMAINS names."""
    wanted = os.environ.get("WAREHOUSE_TEST_DOMAINS", "").split(",")
    return tuple(d for d in DOMAINS if d in wanted) or DOMAINS


@dataclass(frozen=True)
class Content:
    """All of a relation; the kinds are DuckDB's types, and 'float' or '' on MySQL."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Relation:
    """What is expected of one: its grain, its oracle, its columns in order where they are fixed.

    At least `least` rows must be expected, so that something is compared.
    """

    grain: tuple[str, ...]
    expected: Callable[..., Keyed]
    columns: str = ""
    least: int = 50
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Demo:
    """Both engines with the same rows in them, as of the same instant."""

    sample: Path
    raw: Raw
    building: Mapping[str, Future[Settings]]
    _kinds: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def on(self, engine: str) -> Settings:
        """The engine's settings, once it is built; skips where a developer runs DuckDB alone."""
        if engine not in self.building:
            pytest.skip("WAREHOUSE_TEST_ENGINES=embedded: no MySQL by the developer's choice")
        return self.building[engine].result()

    def content(self, engine: str, home: str, name: str) -> Content:
        """A relation as the engine's driver gives it; `home` is its database without a prefix."""
        settings = self.on(engine)
        if not settings.is_mysql:
            with duckdb.connect(str(settings.duckdb_path), read_only=True) as connection:
                return read_duckdb(connection, home, name)
        with connect_mysql(settings) as connection:
            return read_mysql(connection, home, name, settings.database_prefix)

    def built(self, engine: str) -> dict[str, Counter[Any]]:
        """The rows, as a multiset, of each model, seed and snapshot beyond staging."""
        settings = self.on(engine)
        manifest = json.loads((target_path(settings) / "manifest.json").read_text("utf-8"))
        places = {
            (node["schema"].removeprefix(settings.database_prefix), node["alias"])
            for node in manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed", "snapshot")
            and node["config"]["materialized"] != "ephemeral"
        }
        return {
            f"{home}.{name}": Counter(self.content(engine, home, name).rows)
            for home, name in places
            if home != "warehouse_staging"
        }

    def rows(self, engine: str, home: str, name: str) -> list[Row]:
        """A relation's rows with bool, time and JSON as Python values on either engine."""
        found = self.content(engine, home, name)
        kinds = found.kinds if engine == "embedded" else self._kinds_of(home, name, found.columns)
        change = [_AS_PYTHON.get(kind) for kind in kinds]
        return [
            {
                column: turn(value) if turn and value is not None else value
                for column, value, turn in zip(found.columns, values, change, strict=True)
            }
            for values in found.rows
        ]

    def raw_with_defaults(self, engine: str) -> Raw:
        """The sample's rows and those that deployment added."""
        frames = {
            table: pd.DataFrame(self.rows(engine, home, table), dtype=object)
            for table, home in WITH_DEFAULTS.items()
        }
        known = {table: self.raw.tables[table] for table in self.raw.tables if table not in frames}
        assert all(len(frames[table]) >= len(self.raw.tables[table]) for table in frames)
        return replace(self.raw, tables=known | frames)

    def _kinds_of(self, home: str, name: str, columns: Sequence[str]) -> list[str]:
        if (home, name) not in self._kinds:
            other = self.content("embedded", home, name)
            self._kinds[home, name] = dict(zip(other.columns, other.kinds, strict=True))
        return [self._kinds[home, name][column] for column in columns]

    def check(
        self,
        engine: str,
        relation: str,
        grain: Sequence[str],
        wanted: Keyed,
        *,
        columns: str = "",
        unchecked: Iterable[str] = (),
        least: int = 1,
    ) -> None:
        """Assert that `database.name` holds exactly the rows `wanted`, by grain, value by value.

        Every column must be in the grain or in the wanted rows, except BOOKKEEPING and `unchecked`.
        `columns` fixes names and order; `least` rows must be wanted, so that something is compared.
        """
        home, name = relation.split(".")
        listed = self.content(engine, home, name).columns
        rows = self.rows(engine, home, name)
        if columns:
            assert listed == tuple(columns.split())
        assert len(wanted) >= least, f"only {len(wanted)} rows are wanted of {relation}"
        told = {key for row in wanted.values() for key in row}
        silent = set(listed) - set(grain) - told - {*BOOKKEEPING, *unchecked}
        assert not silent, f"the oracle says nothing of {', '.join(sorted(silent))}"
        found = {tuple(row[part] for part in grain): row for row in rows}
        assert len(found) == len(rows), f"{relation}: its grain occurs twice"
        wrong = differences(found, wanted)
        assert not wrong, f"{relation} differs {len(wrong)} times:\n" + "\n".join(wrong[:20])

    def check_relation(
        self, engine: str, name: str, relation: Relation, wanted: Keyed | None = None
    ) -> None:
        """`check` of `database.name` against its oracle, by default over the raw rows."""
        self.check(
            engine,
            name,
            relation.grain,
            relation.expected(self.raw) if wanted is None else wanted,
            columns=relation.columns,
            unchecked=relation.unchecked,
            least=relation.least,
        )

    def query(self, engine: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query that names relations as {database}.relation, e.g. {warehouse}.x."""
        settings = self.on(engine)
        text = sql.format_map(_Prefixed(settings.database_prefix))
        if not settings.is_mysql:
            with duckdb.connect(str(settings.duckdb_path), read_only=True) as connection:
                return connection.execute(text).fetchall()
        with connect_mysql(settings) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def plan(self, sql: str) -> list[Row]:
        """MySQL's EXPLAIN of a query written as for `query`.

        A row a table: `table`, `partitions` (comma-separated), `type`, `key`, `rows`, `extra`.
        """
        settings = self.on("mysql")
        text = sql.format_map(_Prefixed(settings.database_prefix))
        with connect_mysql(settings) as connection, connection.cursor() as cursor:
            cursor.execute(f"explain format = traditional {text}")
            names = [column[0].lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def reads(self, sql: str) -> dict[str, list[Row]]:
        """The plan's rows by table or alias; results of earlier steps are left out."""
        found: dict[str, list[Row]] = {}
        for step in self.plan(sql):
            if step["table"] and not step["table"].startswith("<"):
                found.setdefault(step["table"], []).append(step)
        return found

    def plan_of(self, work: Callable[[Settings], Any]) -> list[Row]:
        """MySQL's EXPLAIN of all that `work` sends it, row by row as `plan` has them."""
        settings, sent = self.on("mysql"), []

        def remember(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            sent.append((statement, parameters))

        engine = database.connect_engine(settings)
        sa.event.listen(engine, "before_cursor_execute", remember)
        try:
            work(settings)
        finally:
            sa.event.remove(engine, "before_cursor_execute", remember)
        found: list[Row] = []
        with database.connect(settings) as connection:
            for statement, parameters in sent:
                if statement.lstrip().lower().startswith("select"):
                    explain = f"explain format = traditional {statement}"
                    steps = connection.exec_driver_sql(explain, parameters).mappings()
                    found += [{name.lower(): step[name] for name in step} for step in steps]
        return found

    def compiled(self, model: str) -> str:
        """The SELECT of a model for MySQL's trailing window, with the prefix in its names.

        Braces are doubled, so that it can be given to `plan`.
        """
        return self._selects[model].replace("{", "{{").replace("}", "}}")

    @cached_property
    def _selects(self) -> Mapping[str, str]:
        return _compile_all(self.on("mysql"))


class _Prefixed(dict[str, str]):
    """Any {name} with the installation's prefix before it."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, name: str) -> str:
        return self._prefix + name


def _compile_all(settings: Settings) -> Mapping[str, str]:
    """What the last build compiled, by model: the trailing window, for the tables hold rows."""
    dbt(settings, "compile", "--select", "resource_type:model")
    folder = target_path(settings) / "compiled"
    return {file.stem: file.read_text(encoding="utf-8") for file in folder.rglob("models/**/*.sql")}


# --- building ------------------------------------------------------------------------------------


def build(settings: Settings, sample: Path) -> Settings:
    """Deploy, load and build everything; AssertionError with what dbt says when it fails."""
    deploy(settings, oldest=_oldest(sample), progress=lambda _: None)
    load(settings, sample, domains=settings.domains)
    dbt(settings, "build", "--resource-type", "model", "--resource-type", "seed",
         "--resource-type", "snapshot")  # fmt: skip
    refresh_ab_test_results(settings)
    return settings


def build_again(settings: Settings) -> None:
    """`dbt build` with all tests, as an analytics engineer types it."""
    dbt(settings, "build")


def refresh(settings: Settings, *options: str) -> None:
    """`dbt run --full-refresh` of everything, or of what the options select."""
    dbt(settings, "run", "--full-refresh", *options)


def generate_docs(settings: Settings) -> None:
    """`dbt docs generate`, which reads every database's catalog; compiled it all is already."""
    dbt(settings, "docs", "generate", "--no-compile")


def dbt(settings: Settings, *command: str) -> None:
    """dbt in a process of its own; AssertionError with what it says when it fails."""
    arguments = dbt_arguments(
        ["--quiet", *command], target=settings.target, target_path=target_path(settings)
    )
    run = subprocess.run(
        [dbt_executable(), *arguments, "--log-path", str(settings.local_dir / "logs")],
        cwd=PROJECT_ROOT,
        env=settings.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _oldest(sample: Path) -> date:
    """The day of the oldest row of a partitioned table, so that partitions reach back to it."""
    days = [AS_OF.date()]
    for table in load_record().application_tables():
        for file in sample.rglob(f"{table.name}.parquet") if table.partition_by_month else ():
            moments = pq.read_table(file, columns=[table.partition_by_month]).column(0)
            days += [pc.min(moments).as_py().date()] if len(moments) else []
    return min(days)


# --- reading -------------------------------------------------------------------------------------


def connect_mysql(settings: Settings) -> pymysql.Connection:
    """A connection with the project's session settings, values as the driver gives them."""
    server = settings.mysql
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        init_command=database.SESSION,
    )


def read_duckdb(connection: duckdb.DuckDBPyConnection, home: str, name: str) -> Content:
    """A relation's columns, types and rows from the DuckDB file."""
    cursor = connection.execute(f'select * from "{home}"."{name}"')
    columns, kinds = zip(*((c[0], str(c[1]).lower()) for c in cursor.description), strict=True)
    return Content(columns, kinds, cursor.fetchall())


def read_mysql(connection: pymysql.Connection, home: str, name: str, prefix: str) -> Content:
    """A relation's columns, types and rows from the server."""
    with connection.cursor() as cursor:
        cursor.execute(f"select * from `{prefix}{home}`.`{name}`")
        columns = tuple(c[0] for c in cursor.description)
        kinds = tuple("float" if c[1] in MYSQL_FLOATS else "" for c in cursor.description)
        return Content(columns, kinds, list(cursor.fetchall()))


def _time(value: Any) -> Any:
    return (datetime.min + value).time() if isinstance(value, timedelta) else value


_AS_PYTHON = {"boolean": bool, "time": _time, "json": json.loads}


# --- comparing -----------------------------------------------------------------------------------


def differences(found: Mapping[Any, Row], wanted: Mapping[Any, Row]) -> list[str]:
    """What differs, value by value."""
    lines = [f"missing: {key} {wanted[key]}" for key in wanted.keys() - found.keys()]
    lines += [f"unexpected: {key} {found[key]}" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        for name, value in wanted[key].items():
            if not is_equal(found[key][name], value):
                lines.append(f"{key} {name}: {found[key][name]!r}, expected {value!r}")
    return lines


def is_equal(found: Any, wanted: Any) -> bool:
    """Equal, floats within 1e-9 relative; a bool is not 1 and NULL equals only NULL."""
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=1e-9)
    if isinstance(found, bool) != isinstance(wanted, bool):
        return False
    return bool(found == wanted)
