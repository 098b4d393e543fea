"""DuckDB and MySQL give the same answers: every relation that dbt builds, value by value.

Both engines are deployed, loaded with the same sample data and built as of the same instant. Rows
are matched as a multiset; what is left over is put side by side to say where it differs.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pymysql
import pytest
from conftest import _mysql_settings, _own_environment, drop_databases

from orchestration import database
from orchestration.dbt_project import dbt_arguments, target_path
from orchestration.manifest import dbt_executable
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.settings import DOMAINS, PROJECT_ROOT, MySQLConnection, Settings, load_settings

SCALE = "demo"
AS_OF = datetime(2026, 6, 30, 18, 30, 15)
RELATIVE = 1e-9
MYSQL_FLOATS = (pymysql.constants.FIELD_TYPE.FLOAT, pymysql.constants.FIELD_TYPE.DOUBLE)

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Relation:
    """What dbt built, by its database without a prefix, and its name."""

    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


@dataclass(frozen=True)
class Content:
    """All of a relation; the kinds are DuckDB's types, and 'float' or '' on MySQL."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Built:
    """Both engines after the same build."""

    embedded: Settings
    mysql: Settings


@pytest.fixture(
    scope="module", params=[1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))]
)
def built(
    request: pytest.FixtureRequest,
    mysql_server: MySQLConnection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Built]:
    """The same sample data on both engines, built side by side in processes of their own."""
    folder = tmp_path_factory.mktemp("parity")
    embedded = replace(load_settings(_own_environment(folder)), as_of=AS_OF)
    mysql = replace(_mysql_settings(mysql_server, folder), as_of=AS_OF)
    data = folder / "sample"
    generate(embedded, SCALE, request.param, AS_OF.date(), data, domains=DOMAINS)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(_build, settings, data) for settings in (embedded, mysql)]:
            done.result()
    yield Built(embedded, mysql)
    drop_databases(mysql)


def _build(settings: Settings, data: Path) -> None:
    """Deploy, load and build everything; AssertionError with what dbt says when it fails."""
    deploy(settings, oldest=_oldest(data), progress=lambda _: None)
    load(settings, data, domains=DOMAINS)
    command = ["--quiet", "build", "--resource-type", "model", "--resource-type", "seed",
               "--resource-type", "snapshot"]  # fmt: skip
    arguments = dbt_arguments(command, target=settings.target, target_path=target_path(settings))
    run = subprocess.run(
        [dbt_executable(), *arguments, "--log-path", str(settings.local_dir / "logs")],
        cwd=PROJECT_ROOT,
        env=settings.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _oldest(data: Path) -> date:
    """The month of the oldest message, so that partitions reach back to it."""
    file = data / "wework_platform" / "wework_message_records.parquet"
    column = pq.read_table(file, columns=["created_at"]).column(0)
    return min(column.to_pylist()).date()


def relations(settings: Settings) -> list[Relation]:
    """Every model, seed and snapshot of the manifest that this engine was built from."""
    manifest = json.loads((target_path(settings) / "manifest.json").read_text(encoding="utf-8"))
    return sorted(
        (
            Relation(node["schema"].removeprefix(settings.database_prefix), node["alias"])
            for node in manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed", "snapshot")
            and node["config"]["materialized"] != "ephemeral"
        ),
        key=str,
    )


def test_both_engines_build_the_same_relations(built: Built) -> None:
    names = relations(built.embedded)
    assert names == relations(built.mysql)
    assert len(names) > 90


def test_every_value_is_the_same(built: Built) -> None:
    found, rows = [], 0
    with (
        duckdb.connect(str(built.embedded.duckdb_path), read_only=True) as left,
        _connect(built.mysql) as right,
    ):
        for relation in relations(built.embedded):
            one = read_duckdb(left, relation)
            other = read_mysql(right, relation, built.mysql.database_prefix)
            rows += len(one.rows)
            if difference := compare(one, other):
                found.append(f"{relation}: {difference}")
            if relation.database != "warehouse_staging" and not one.rows:
                found.append(f"{relation}: no rows, so nothing was compared")
    assert not found, "\n".join(found)
    assert rows > 100_000


A = {"id": "a", "amount": Decimal("1.50"), "rate": 0.1, "is_open": True, "payload": '{"a": 1.0}',
     "at_time": time(8, 30), "seen_at": datetime(2026, 6, 30, 8)}  # fmt: skip
KINDS = ("varchar", "decimal(8,2)", "double", "boolean", "json", "time", "timestamp")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_open": 1, "payload": '{"a":1}', "at_time": timedelta(hours=8, minutes=30)}, ""),
        ({"amount": Decimal("1.5"), "rate": 0.1 * (1 + 5e-10)}, ""),
        ({"rate": 0.1 * (1 + 2e-9)}, "rate is 0.1, on MySQL 0.1000000002"),
        ({"rate": None}, "rate is 0.1, on MySQL None"),
        ({"amount": Decimal("1.51")}, "amount is Decimal('1.50'), on MySQL Decimal('1.51')"),
        ({"id": "A"}, "id is 'a', on MySQL 'A'"),
        ({"is_open": 0}, "is_open is True, on MySQL 0"),
        ({"payload": '{"a": 2}'}, "payload is '{\"a\": 1}'"),
        ({"payload": "null"}, "payload is"),
        ({"at_time": timedelta(hours=20, minutes=30)}, "at_time is"),
        ({"seen_at": datetime(2026, 6, 30, 8, 0, 1)}, "seen_at is"),
    ],
)
def test_a_difference_is_seen(changes: dict[str, Any], said: str) -> None:
    other = tuple({**A, **changes}.values())
    floats = tuple("float" if kind == "double" else "" for kind in KINDS)
    spare = ("b", None, None, None, None, None, None)
    left = Content(tuple(A), KINDS, [spare, tuple(A.values())])
    right = Content(tuple(A), floats, [other, spare])
    difference = compare(left, right)
    assert difference.startswith(said) and bool(difference) == bool(said)
    assert "2 rows, on MySQL 1; only one has" in compare(left, replace(right, rows=[spare]))
    assert "is double, on MySQL none" in compare(left, replace(right, kinds=("",) * 7))
    assert compare(left, replace(right, columns=tuple(reversed(A)))).startswith(
        "columns id, amount"
    )


# --- reading -------------------------------------------------------------------------------------


def _connect(settings: Settings) -> pymysql.Connection:
    server = settings.mysql
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        init_command=database.SESSION,
    )


def read_duckdb(connection: duckdb.DuckDBPyConnection, relation: Relation) -> Content:
    """A relation's columns, types and rows from the DuckDB file."""
    cursor = connection.execute(f'select * from "{relation.database}"."{relation.name}"')
    columns, kinds = zip(*((c[0], str(c[1]).lower()) for c in cursor.description), strict=True)
    return Content(columns, kinds, cursor.fetchall())


def read_mysql(connection: pymysql.Connection, relation: Relation, prefix: str) -> Content:
    """A relation's columns, types and rows from the server."""
    with connection.cursor() as cursor:
        cursor.execute(f"select * from `{prefix}{relation.database}`.`{relation.name}`")
        columns = tuple(c[0] for c in cursor.description)
        kinds = tuple("float" if c[1] in MYSQL_FLOATS else "" for c in cursor.description)
        return Content(columns, kinds, list(cursor.fetchall()))


# --- comparing -----------------------------------------------------------------------------------


def compare(embedded: Content, mysql: Content) -> str:
    """Where two contents first differ, in words; empty when they are the same."""
    if embedded.columns != mysql.columns:
        return f"columns {', '.join(embedded.columns)}; on MySQL {', '.join(mysql.columns)}"
    floats = []
    for position, name in enumerate(embedded.columns):
        kind, is_float = embedded.kinds[position], mysql.kinds[position] == "float"
        if (kind in ("double", "float")) != is_float:
            return f"{name} is {kind}, on MySQL {'a float' if is_float else 'none'}"
        if is_float:
            floats.append(position)
    left = Counter(_plain_rows(embedded, embedded.kinds))
    right = Counter(_plain_rows(mysql, embedded.kinds))
    only_left, only_right = left - right, right - left
    exact = [p for p in range(len(embedded.columns)) if p not in floats]

    def order(row: Row) -> list[tuple[bool, Any]]:
        texts = [(row[p] is not None, str(row[p])) for p in exact]
        return texts + [(row[p] is not None, row[p] or 0) for p in floats]

    pairs = zip(
        sorted(only_left.elements(), key=order), sorted(only_right.elements(), key=order),
        strict=False,
    )  # fmt: skip
    for one, other in pairs:
        for position, name in enumerate(embedded.columns):
            a, b = one[position], other[position]
            if a != b and not (position in floats and _is_close(a, b)):
                return (
                    f"{name} is {a!r}, on MySQL {b!r}, in the row\n  {_show(embedded.columns, one)}"
                    f"\n  {_show(embedded.columns, other)}"
                )
    if len(embedded.rows) != len(mysql.rows):
        # Pairs above agree as far as they go, so one side's surplus is the other's lack.
        surplus = next((only_left or only_right).elements())
        return (
            f"{len(embedded.rows)} rows, on MySQL {len(mysql.rows)}; only one has\n"
            f"  {_show(embedded.columns, surplus)}"
        )
    return ""


def _plain_rows(content: Content, kinds: Sequence[str]) -> Iterator[Row]:
    """Rows whose values compare with ==, whichever engine they came from."""
    plain = {"json": _json, "time": _time}
    changes = [(p, plain[kind]) for p, kind in enumerate(kinds) if kind in plain]
    if not changes:
        return iter(content.rows)
    columns = [list(column) for column in zip(*content.rows, strict=True)]
    for position, change in changes if columns else []:
        columns[position] = [
            value if value is None else change(value) for value in columns[position]
        ]
    return zip(*columns, strict=True)


@lru_cache(maxsize=100_000)
def _json(text: str) -> str:
    value = json.loads(text, parse_float=lambda digits: _number(float(digits)))
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _time(value: Any) -> Any:
    return (datetime.min + value).time() if isinstance(value, timedelta) else value


def _is_close(one: Any, other: Any) -> bool:
    return None not in (one, other) and math.isclose(one, other, rel_tol=RELATIVE, abs_tol=0)


def _show(columns: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(columns, row, strict=True))
