"""Unit tests of SQL: rows in, rows out, on DuckDB and on MySQL.

dbt 1.7 has no unit tests, so this reads cases in the shape that dbt 1.8 gave them, from
`tests/unit/<layer>/**/<model>.yml`:

    unit_tests:
      - name: a_deny_in_any_role_removes_the_permission
        model: v_user_permissions
        overrides:
          vars: {as_of: "2026-06-30 12:00:00"}
        given:
          - input: ref('stg_core__users')            # or source('core', 'saas_users'), or this
            rows:
              - {user_id: u1, status: active}
          - input: ref('stg_core__roles')
            format: csv
            rows: |
              role_id,role_code
              r1,admin
        expect:
          rows:
            - {user_id: u1, permission_code: read}

What a case may rely on:
- An input that is not given is empty; `this` is the table before the build. Columns that are not
  given are NULL. Input tables have the types that the sources' and models' YAML declares; an
  undeclared column takes its values' type.
- `expect` compares the columns it names, rows as a multiset. Decimals compare exactly as numbers,
  floats within 1e-9, true as 1; a mapping or list compares with JSON; NULL is null (in CSV: an
  empty field, while '' is the empty text).
- YAML is read strictly: 10:30:00 is text, `on` is text, 1.10 is the decimal 1.10.
- Without a pinned as_of a case sees the server's clock: pin it.

How it runs: dbt parses the project once and compiles each group of cases with the same vars once
(no server is asked), the
inputs' relation names are replaced by scratch tables, and the SELECT runs. So is_incremental and
what a materialization does around the SELECT are not covered here; a window model's SELECT is the
one for the window that its vars name (start_date, end_date, as_of).

`compile_macros` and `SqlEngine` serve the tests of macros in the same way.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import pytest
import yaml

import dbt_warehouse_session as session
from orchestration.errors import WarehouseError
from orchestration.schema.metadata import duckdb_type
from orchestration.schema.record import Column
from orchestration.settings import PROJECT_ROOT, MySQLConnection, load_settings
from orchestration.spark.sources import spark_type

UNIT_TESTS = PROJECT_ROOT / "tests" / "unit"
MASK_KEY = "a-key-for-tests-only-0123456789abcdef"
Row = Mapping[str, Any]


class SqlEngine:
    """One connection with a scratch schema of its own; `name` is the dbt target."""

    name: str

    def __init__(self, cursor: Any, name: str, scratch: str, placeholder: str) -> None:
        """Take over a prepared cursor whose current schema is `scratch`."""
        self._cursor, self.name, self.scratch = cursor, name, scratch
        self._placeholder = placeholder

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> None:
        """Run one statement."""
        self._cursor.execute(sql, *([parameters] if parameters else []))

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a SELECT."""
        self._cursor.execute(sql)
        names = [column[0] for column in self._cursor.description]
        return names, [tuple(row) for row in self._cursor.fetchall()]

    def column_type(self, data_type: str) -> str:
        """The engine's name of a type of the schema of record."""
        if self.name == "embedded":
            return duckdb_type(Column("", data_type, "", ""))
        return f"{data_type} null" if data_type == "timestamp" else data_type

    def create(self, name: str, types: Mapping[str, str], rows: Sequence[Row]) -> None:
        """(Re)create a scratch table with these columns and rows; what a row lacks is NULL."""
        quote = '"' if self.name == "embedded" else "`"
        columns = ", ".join(
            f"{quote}{column}{quote} {self.column_type(data_type)}"
            for column, data_type in types.items()
        )
        self.execute(f"drop table if exists {name}")
        self.execute(f"create table {name} ({columns})")
        if not rows:
            return
        one = "(" + ", ".join([self._placeholder] * len(types)) + ")"
        values = [
            _parameter(row.get(column), data_type)
            for row in rows
            for column, data_type in types.items()
        ]
        self.execute(f"insert into {name} values " + ", ".join([one] * len(rows)), values)


class SparkEngine(SqlEngine):
    """This process's Spark session; scratch tables are temporary views of literals."""

    def __init__(self, spark: Any) -> None:
        """Take over the session."""
        super().__init__(None, "spark", "", "")
        self._spark = spark

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a SELECT."""
        found = self._spark.sql(sql)
        return found.columns, [tuple(row) for row in found.collect()]

    def create(self, name: str, types: Mapping[str, str], rows: Sequence[Row]) -> None:
        """(Re)create a view of these columns and rows; what a row lacks is NULL."""
        kinds = {column: spark_type(Column("", kind, "", "")) for column, kind in types.items()}
        typed = ", ".join(f"cast(`{c}` as {kind}) as `{c}`" for c, kind in kinds.items())
        names = ", ".join(f"`{column}`" for column in types)
        listed = [[_literal(_parameter(row.get(c), types[c])) for c in types] for row in rows]
        values = ", ".join(f"({', '.join(row)})" for row in listed or [["null"] * len(types)])
        self._spark.sql(
            f"create or replace temporary view {name} as select {typed}"
            f" from values {values} as given_rows ({names}) where {'1 = 1' if rows else '1 = 0'}"
        )


def _literal(value: Any) -> str:
    if value is None:
        return "cast(null as string)"
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def open_spark(folder: Path) -> Iterator[SparkEngine]:
    """Spark on this machine; skips where it is not installed (`make setup-spark`, Java 17)."""
    from orchestration.spark.session import require, session, stop

    try:
        require()
    except WarehouseError as error:
        pytest.skip(str(error))
    environment = {"WAREHOUSE_LOCAL_DIR": str(folder), "WAREHOUSE_MASK_KEY": MASK_KEY}
    stop()
    try:
        yield SparkEngine(session(load_settings(environment)))
    finally:
        stop()


@contextmanager
def open_engine(
    name: str, server: MySQLConnection | None = None, mask_key: str = MASK_KEY
) -> Iterator[SqlEngine]:
    """DuckDB in memory ("embedded"), or a scratch database on this MySQL server ("mysql")."""
    pads = session.hmac_pads(mask_key) if mask_key else None
    if name == "embedded":
        with duckdb.connect() as connection:
            session.prepare_duckdb_session(connection, pads)
            connection.execute("create schema scratch")
            connection.execute("use scratch")
            yield SqlEngine(connection, name, "scratch", "?")
        return
    assert server is not None
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        autocommit=True,
    )
    scratch = f"unit_{os.getpid()}_{os.urandom(3).hex()}"
    with connection, connection.cursor() as cursor:
        session.prepare_mysql_session(cursor, pads)
        cursor.execute(f"create database {scratch} collate utf8mb4_unicode_ci")
        try:
            cursor.execute(f"use {scratch}")
            yield SqlEngine(cursor, name, scratch, "%s")
        finally:
            cursor.execute(f"drop database {scratch}")


# --- cases -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """The rows of one input; `node` is "ref:name" or "source:a.b"."""

    node: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Case:
    """One entry of `unit_tests`."""

    name: str
    model: str
    given: tuple[Given, ...]
    expect: tuple[Row, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Cases of a group are compiled together: the vars, canonically."""
        return json.dumps(self.variables, sort_keys=True, default=str)


class _Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without its surprises: decimals stay exact, 10:30:00 and `on` stay text."""


# YAML 1.1 reads 10:30:00 as a number of base 60 and `on` as true.
_LOOSE = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool")}
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _LOOSE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first, _build in (
    ("!int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789", int),
    ("!decimal", r"[-+]?[0-9]+\.[0-9]+(e[-+]?[0-9]+)?", "-+0123456789", Decimal),
    ("!bool", r"true|false", "tf", lambda text: text == "true"),
):
    _Strict.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))
    _Strict.add_constructor(
        _tag, lambda loader, node, build=_build: build(loader.construct_scalar(node))
    )


def read_yaml(file: Path) -> Any:
    """The content of a case file, read strictly."""
    return yaml.load(file.read_text(encoding="utf-8"), Loader=_Strict)


def read_csv(text: str) -> tuple[Row, ...]:
    """CSV rows as text; an empty field is NULL, '' the empty text."""
    reader = csv.DictReader(io.StringIO(text.strip()), skipinitialspace=True, strict=True)
    return tuple(
        {name: None if value == "" else value.replace("''", "") for name, value in row.items()}
        for row in reader
    )


def load_cases(root: Path = UNIT_TESTS) -> list[Case]:
    """All cases below the layers' folders, `macros` excepted; ValueError names file and case."""
    cases: list[Case] = []
    for file in sorted(root.glob("*/**/*.yml")):
        if "macros" in file.relative_to(root).parts:
            continue
        for entry in (read_yaml(file) or {}).get("unit_tests", []):
            try:
                cases.append(_case(entry))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{file}: {entry.get('name', entry)!r}: {error!r}") from None
    return cases


def _case(entry: Mapping[str, Any]) -> Case:
    return Case(
        name=entry["name"],
        model=entry["model"],
        given=tuple(
            Given(_node(g["input"], entry["model"]), _rows(g)) for g in entry.get("given", [])
        ),
        expect=_rows(entry["expect"]),
        variables=(entry.get("overrides") or {}).get("vars") or {},
    )


def _rows(entry: Mapping[str, Any]) -> tuple[Row, ...]:
    if entry.get("format", "dict") == "csv":
        return read_csv(entry["rows"])
    return tuple(entry["rows"] or ())


def _node(text: str, model: str) -> str:
    if text == "this":
        return f"ref:{model}"
    if match := re.fullmatch(r"ref\(\s*'(\w+)'\s*\)", text.replace('"', "'")):
        return f"ref:{match[1]}"
    if match := re.fullmatch(r"source\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)", text.replace('"', "'")):
        return f"source:{match[1]}.{match[2]}"
    raise ValueError(f"input {text!r} is neither ref('…'), source('…', '…') nor this")


# --- compiling ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compiled:
    """A manifest and the compiled SQL of the selected models, or the error that stands for it."""

    manifest: Any
    sql: Mapping[str, str]
    errors: Mapping[str, str]

    def node(self, name: str) -> Any:
        """The manifest's node for "ref:name" or "source:a.b"; KeyError when there is none."""
        kind, _, rest = name.partition(":")
        nodes = self.manifest.sources if kind == "source" else self.manifest.nodes
        for node in nodes.values():
            if kind == "source" and f"{node.source_name}.{node.name}" == rest:
                return node
            if kind == "ref" and node.name == rest and node.resource_type != "test":
                return node
        raise KeyError(f"dbt knows no {name}")


class DbtCompiler:
    """A project, parsed once for a target; compiles with any vars, and asks no server."""

    def __init__(self, target: str, project: Path = PROJECT_ROOT, work: Path | None = None) -> None:
        """`work` takes dbt's output; the default keeps the parse for the next test run."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self._folder = work or PROJECT_ROOT / "target" / "unit" / worker / target
        self._common = [
            "--quiet", "--project-dir", str(project), "--profiles-dir", str(PROJECT_ROOT),
            "--target", target, "--target-path", str(self._folder),
            "--log-path", str(self._folder / "logs"),
        ]  # fmt: skip
        self._manifest: Any = None

    def compile(self, models: Sequence[str], variables: Mapping[str, Any]) -> Compiled:
        """Compile these models; AssertionError where dbt cannot even parse the project."""
        results = self._compile(models, variables)
        good = {r.node.name: r.node.compiled_code for r in results if r.status == "success"}
        bad = {r.node.name: r.message for r in results if r.status != "success"}
        return Compiled(self._manifest, good, bad)

    def nodes(self, *kinds: str) -> list[Any]:
        """All nodes of these kinds, compiled."""
        select = [f"resource_type:{kind}" for kind in kinds]
        return [result.node for result in self._compile(select, {})]

    def _compile(self, select: Sequence[str], variables: Mapping[str, Any]) -> list[Any]:
        from dbt.cli.main import dbtRunner  # 3 s that only these tests pay

        # With a manifest at hand dbt honours the vars of the call and need not parse again.
        if self._manifest is None:
            self._manifest = self._invoke(dbtRunner(), ["parse", *self._common])
        return self._invoke(
            dbtRunner(manifest=self._manifest),
            ["compile", *self._common, "--no-introspect", "--no-populate-cache",
             "--indirect-selection", "empty",
             "--vars", json.dumps(variables, default=str), "--select", *select],
        ).results  # fmt: skip

    def _invoke(self, runner: Any, arguments: list[str]) -> Any:
        file = str(self._folder / "saas_warehouse.duckdb")
        with clean_environment(WAREHOUSE_DUCKDB_PATH=file):
            outcome = runner.invoke(arguments)
        if outcome.result is None:
            raise AssertionError(f"dbt {arguments[0]}: {outcome.exception}")
        return outcome.result


def make_macro_project(folder: Path, queries: Mapping[str, str]) -> Path:
    """A throw-away dbt project with this project's macros and one table model a query."""
    (folder / "models").mkdir(parents=True)
    (folder / "macros").symlink_to(PROJECT_ROOT / "macros")
    ours = read_yaml(PROJECT_ROOT / "dbt_project.yml")
    project = {name: ours[name] for name in ("name", "config-version", "profile", "flags", "vars")}
    project["models"] = {"+materialized": "table"}
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project), encoding="utf-8")
    for name, query in queries.items():
        (folder / "models" / f"{name}.sql").write_text(query, encoding="utf-8")
    return folder


def compile_macros(
    target: str,
    queries: Mapping[str, str],
    folder: Path,
    variables: Mapping[str, Any] | None = None,
) -> Compiled:
    """Compile queries that call this project's macros, as models of a throw-away project."""
    compiler = DbtCompiler(target, make_macro_project(folder, queries), folder / "target")
    return compiler.compile(list(queries), variables or {})


@contextmanager
def clean_environment(**variables: str) -> Iterator[None]:
    """The process environment without the developer's own settings, for the time of a dbt call."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("WAREHOUSE_", "MYSQL_")):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- running -----------------------------------------------------------------------------------


class ModelHarness:
    """Runs cases on one engine; compiles a group of cases when the first of them comes."""

    def __init__(self, engine: SqlEngine, cases: Sequence[Case]) -> None:
        """`cases` are all that may come, so that a group is compiled once."""
        self._engine, self._cases = engine, cases
        self._compiler = DbtCompiler(engine.name)
        self._compiled: dict[str, Compiled] = {}

    def check(self, case: Case) -> None:
        """AssertionError with a readable difference unless the case holds."""
        compiled = self._compile(case)
        if case.model in compiled.errors:
            raise AssertionError(f"{case.model} does not compile: {compiled.errors[case.model]}")
        assert case.model in compiled.sql, f"dbt knows no model {case.model!r}"
        sql = self._with_inputs(case, compiled)
        names, rows = self._engine.query(sql)
        compare(case.expect, names, rows)

    def _compile(self, case: Case) -> Compiled:
        if case.group not in self._compiled:
            models = sorted({c.model for c in self._cases if c.group == case.group})
            self._compiled[case.group] = self._compiler.compile(models, case.variables)
        return self._compiled[case.group]

    def _with_inputs(self, case: Case, compiled: Compiled) -> str:
        given = {g.node: g.rows for g in case.given}
        manifest = compiled.manifest
        own = compiled.node(f"ref:{case.model}")
        wanted = {
            _name_of(node): node
            for parent in own.depends_on.nodes
            if (node := manifest.sources.get(parent) or manifest.nodes.get(parent))
        }
        if own.relation_name and own.relation_name in compiled.sql[case.model]:
            wanted[_name_of(own)] = own
        if odd := sorted(set(given) - set(wanted)):
            raise AssertionError(
                f"{case.model} does not read {', '.join(odd)}; it reads {', '.join(sorted(wanted))}"
            )
        sql = compiled.sql[case.model]
        for number, (name, node) in enumerate(sorted(wanted.items())):
            if node.relation_name not in sql:
                continue  # a domain switched off
            table = f"{self._engine.scratch}.i{number}_{node.name}"
            rows = given.get(name, ())
            types = _types(node, rows)
            if not types:
                raise AssertionError(f"{name}: give rows, or declare its columns in YAML")
            self._engine.create(table, types, rows)
            sql = sql.replace(node.relation_name, table)
        return sql


def _name_of(node: Any) -> str:
    if node.resource_type == "source":
        return f"source:{node.source_name}.{node.name}"
    return f"ref:{node.name}"


def _types(node: Any, rows: Sequence[Row]) -> dict[str, str]:
    declared = {
        column.name: column.data_type
        for column in node.columns.values()
        if column.data_type and not column.meta.get("derived")
    }
    known = {column.name for column in node.columns.values()}
    types = dict(declared)
    for row in rows:
        for name, value in row.items():
            if known and name not in known:
                raise AssertionError(f"{node.name} has no column {name!r}")
            if name not in declared and (name not in types or value is not None):
                types[name] = _type_of(value)
    return types


def _type_of(value: Any) -> str:
    for kind, data_type in (
        (bool, "tinyint(1)"),
        (int, "bigint"),
        (Decimal, "decimal(30,6)"),
        (datetime, "timestamp"),
        (date, "date"),
        ((dict, list), "json"),
    ):
        if isinstance(value, kind):
            return data_type
    return "varchar(1000)"


def _parameter(value: Any, data_type: str) -> Any:
    if data_type == "tinyint(1)" and isinstance(value, str):
        return {"true": True, "false": False}.get(value, value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return value


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


# --- comparing ---------------------------------------------------------------------------------


def compare(expect: Sequence[Row], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """AssertionError that lists missing and unexpected rows, over the columns that are expected."""
    columns = list(dict.fromkeys(name for row in expect for name in row))
    if odd := [name for name in columns if name not in names]:
        raise AssertionError(f"no column {', '.join(odd)} in the result; it has {', '.join(names)}")
    positions = [names.index(name) for name in columns]
    left = [tuple(row[p] for p in positions) for row in rows]
    missing = []
    for row in expect:
        values = tuple(row.get(name) for name in columns)
        match = next((r for r in left if all(map(same, values, r))), None)
        if match is None:
            missing.append(values)
        else:
            left.remove(match)
    if missing or left:
        shown = [f"columns: {', '.join(columns)}"]
        shown += [f"- missing    {_show(row)}" for row in missing]
        shown += [f"+ unexpected {_show(row)}" for row in left]
        raise AssertionError("rows differ\n" + "\n".join(shown))


def _show(row: Sequence[Any]) -> str:
    return " | ".join("NULL" if v is None else str(_normal(v)) for v in row)


def same(expected: Any, actual: Any) -> bool:
    """Whether a value of a case and one from an engine mean the same."""
    expected, actual = _normal(expected), _normal(actual)
    if expected is None or actual is None:
        return expected is actual
    if isinstance(expected, str) and not isinstance(actual, str):
        expected = _read_as(expected, actual)
    if isinstance(actual, float) and isinstance(expected, int | float | Decimal):
        return math.isclose(float(expected), actual, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(actual, str) and (isinstance(expected, dict | list) or expected[:1] in "{["):
        return _as_json(expected) == _as_json(actual)
    return expected == actual


def _normal(value: Any) -> Any:
    if isinstance(value, timedelta):  # MySQL's TIME
        return (datetime.min + value).time()
    if isinstance(value, bool):
        return int(value)
    return value


def _read_as(text: str, example: Any) -> Any:
    try:
        if isinstance(example, datetime):
            return datetime.fromisoformat(text)
        if isinstance(example, date):
            return date.fromisoformat(text)
        if isinstance(example, time):
            return time.fromisoformat(text)
        if isinstance(example, int | float | Decimal):
            return {"true": 1, "false": 0}.get(text) if text.isalpha() else Decimal(text)
    except (ValueError, InvalidOperation):
        pass
    return text


def _as_json(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=Decimal)
        except ValueError:
            return value
    return _canonical(value)


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_canonical(member) for member in value]
    if isinstance(value, datetime | date):
        return str(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    return value
