"""Spark gives the answers of DuckDB and of MySQL, value by value: of the demo, and of ten times its
rows; and DuckDB's day after day.

The lake is filled from DuckDB, so all engines have the same rows. Skipped without Spark
(`make setup-spark`) or Java.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import spark_world
import warehouses
from conftest import _own_environment, on_both_engines
from pseudonyms import with_key
from spark_world import Place
from test_parity import compare, relations
from warehouses import Content, Demo, read_duckdb

from orchestration.schema.deploy import deploy
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, SPARK, Settings, load_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]

BEFORE = datetime(2026, 6, 30, 23, 59, 59)
AFTER = datetime(2026, 7, 1, 23, 59, 59)  # another month: June is closed
# Of every kind: cut on a moment and on a date, stamped, by keys, by rows of the model's own, made
# anew, snapshots.
MODELS = (
    "fct_logins", "fct_audit_events", "saas_usage_statistics", "customer_behavior_sequences",
    "customer_behavior_statistics", "health_statistics", "dim_tenants", "snap_core__tenants",
    "snap_customer__customers",
)  # fmt: skip
SELECT = " ".join(f"+{name}" for name in MODELS)
# Periods that meet the three days before AFTER's and are over.
CLOSED = (
    ("daily", date(2026, 6, 28)), ("daily", date(2026, 6, 29)), ("daily", date(2026, 6, 30)),
    ("weekly", date(2026, 6, 22)), ("monthly", date(2026, 6, 1)),
)  # fmt: skip
# A session at work, which waits to be killed.
SESSION = """
import time
from orchestration.settings import load_settings
from orchestration.spark.session import session
here = session(load_settings())
here.sql("select id from range(9) distribute by id").collect()
here.sql("create database aside")
here.sql("create table aside.one using parquet as select 1 as id")
print("ready", flush=True)
time.sleep(600)
"""
# A table of the lake in a place for which Hadoop has no connector.
ELSEWHERE = """
from orchestration.errors import WarehouseError
from orchestration.schema.record import load_record
from orchestration.settings import load_settings
from orchestration.spark.catalog import register
from orchestration.spark.sources import Source
try:
    table = load_record(("core",)).table("saas_roles")
    register(load_settings(), [Source(table, 1, "nowhere://machine/lake/saas_roles")])
except WarehouseError as error:
    print(error.message, error.fix)
"""
ONE_KEY = "assert_core_facts_have_one_mask_key"
# The day's changes beside its new rows: states that snapshots keep, rows that are no more.
CHANGES = (
    "update saas_unified_core.saas_tenants set status = 'suspended'"
    " where id = (select max(id) from saas_unified_core.saas_tenants where status = 'active')",
    "update customer_management.customers set level = 'gold' where level = 'bronze'"
    " and id in (select id from customer_management.customers order by id limit 20)",
    # a day that loses its last row, and some events
    "delete from saas_unified_core.saas_login_attempts"
    " where cast(created_at as date) = date '2026-06-29'",
    "delete from customer_management.customer_behavior_events"
    " where cast(event_time as date) = date '2026-06-28'",
)


def test_every_value_is_duckdbs_and_mysqls(demo: Demo, tmp_path: Path) -> None:
    """Every view, statistics table, score, snapshot and mart, and staging."""
    assert compared_with_spark(demo, tmp_path) > 100_000


@pytest.mark.timeout(4 * 3600)
def test_every_value_of_ten_times_the_rows(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The same at the small scale, of 3 M rows."""
    spark_world.needs_spark()
    folder = tmp_path / "databases"
    folder.mkdir()
    with on_both_engines(request, folder, seed=1, scale="small") as built:
        assert compared_with_spark(built, tmp_path) > 1_000_000


def compared_with_spark(demo: Demo, folder: Path) -> int:
    """Build all with Spark and compare each relation with both engines'; how many rows it saw."""
    spark_world.needs_spark()
    engine = demo.on("embedded")
    settings = spark_world.with_lake(engine, folder)
    spark_world.fill_lake(settings)
    spark_world.build(settings)
    places = [(relation.database, relation.name) for relation in relations(engine)]
    told, rows = [], 0
    for place, content in spark_world.read_each(settings, places):
        wanted = demo.content("embedded", *place)
        found = spark_world.as_like(wanted, content)
        told += differences({place: wanted}, {place: found})
        if "mysql" in demo.building:
            # with DuckDB's types, which say how values are compared
            other = replace(demo.content("mysql", *place), kinds=wanted.kinds)
            told += differences({place: other}, {place: found}, "MySQL")
        rows += len(found.rows)
    print(f"{len(places)} relations, {rows:,} rows on Spark and on {', '.join(demo.building)}")
    assert told == []
    return rows


def test_a_session_that_is_killed_leaves_its_files_in_sparks_folder(tmp_path: Path) -> None:
    """And the next one clears them away. What it wrote has no checksums beside it."""
    spark_world.needs_spark()
    settings = load_settings(_own_environment(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", SESSION], env=settings.child_environment(), cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as running:  # fmt: skip
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        os.killpg(running.pid, signal.SIGKILL)
    written = settings.spark_dir / "warehouse" / "aside.db" / "one"
    files = [file.name for file in written.iterdir()]
    assert any(name.startswith("part-") for name in files), files
    assert not any(name.endswith(".crc") for name in files), files
    [left] = (settings.spark_dir / "scratch").iterdir()
    names = [entry.name for entry in left.iterdir()]
    assert any(name.startswith("blockmgr-") for name in names), names
    assert any(name.endswith("_resources") for name in names), names
    assert spark_world.read(settings, {}) == {}
    assert not left.exists()


def test_a_table_whose_files_are_not_there_is_not_registered(tmp_path: Path) -> None:
    """Nor is any other, so that the next build looks at them again."""
    spark_world.needs_spark()
    settings = load_settings(_own_environment(tmp_path, WAREHOUSE_DOMAINS="core"))
    settings = spark_world.with_lake(settings, tmp_path)
    deploy(settings, progress=lambda _: None)  # with some roles
    spark_world.fill_lake(settings)
    [file] = (tmp_path / "lake").glob("days/*/run=*/saas_roles/data.parquet")
    file.unlink()
    words, variables = spark_world.command(settings, "--select", "dim_tenants")
    done = subprocess.run(
        words, env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Spark sees 0 rows of saas_roles where the lake's manifests have" in done.stderr
    assert not (settings.spark_dir / "registered.json").exists()


def test_a_lake_that_spark_cannot_read_is_named(tmp_path: Path) -> None:
    spark_world.needs_spark()
    settings = load_settings(_own_environment(tmp_path, WAREHOUSE_ARCHIVE_URL="/srv/lake"))
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], env=settings.child_environment(), cwd=PROJECT_ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Spark cannot read the lake /srv/lake: " in done.stdout
    assert 'No FileSystem for scheme "nowhere"' in done.stdout
    assert "spark.jars.packages" in done.stdout and "\n\tat " not in done.stdout


def differences(
    wanted: Mapping[Place, Content], found: Mapping[Place, Content], engine: str = "DuckDB"
) -> list[str]:
    """What is not the same, a line a relation; an empty one is told too, for it shows nothing.

    `engine` is where the wanted rows come from.
    """
    told = []
    for place, content in wanted.items():
        if difference := compare(content, found[place], "Spark"):
            told.append(f"{'.'.join(place)}, {engine} and Spark: {difference}")
        elif not content.rows and not place[1].startswith("stg_"):
            told.append(f"{'.'.join(place)}: no rows, so nothing was compared")
    return told


def duckdb_contents(settings: Settings, names: Sequence[str]) -> dict[Place, Content]:
    """What DuckDB holds of what Spark built last."""
    known = spark_world.nodes(settings)
    with duckdb.connect(str(settings.duckdb_path), read_only=True) as connection:
        return {
            (known[name]["schema"], name): read_duckdb(connection, known[name]["schema"], name)
            for name in names
        }


@dataclass
class Days:
    """The same rows on both engines, moved on from one day to the next."""

    settings: Settings
    states: list[dict[Place, Content]] = field(default_factory=list)
    found: list[dict[Place, Content]] = field(default_factory=list)
    parts: list[dict[str, dict[str, Any]]] = field(default_factory=list)

    def execute(self, *statements: str) -> None:
        """On DuckDB."""
        with duckdb.connect(str(self.settings.duckdb_path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def build(self, day: datetime) -> None:
        """Both engines as of a day; what they hold then."""
        self.settings = replace(self.settings, as_of=day)
        spark_world.build_duckdb(self.settings, SELECT)
        spark_world.fill_lake(self.settings)
        self.build_spark()
        self.states.append(duckdb_contents(self.settings, MODELS))

    def build_spark(self, *arguments: str, select: str = SELECT) -> None:
        """Spark alone, once more."""
        spark_world.build(self.settings, "--select", select, *arguments)
        self.parts.append(spark_world.folders(self.settings))
        self.found.append(self.read_spark())

    def read_spark(self) -> dict[Place, Content]:
        """What Spark holds."""
        return spark_world.read(self.settings, duckdb_contents(self.settings, MODELS))


def _later(settings: Settings, moment: datetime) -> Iterator[tuple[str, str, str, str]]:
    """(table, another for its rows of after the moment, their condition, the columns)."""
    for table in load_record(settings.domains).application_tables():
        known = [column.name for column in table.stored_columns if not column.generated]
        if at := table.partition_by_month or ("created_at" if "created_at" in known else ""):
            columns = ", ".join(f'"{name}"' for name in known)
            own = f"{table.database}.{table.name}"
            yield own, f"aside.{table.name}", f"{at} > timestamp '{moment}'", columns


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Built the evening before, a day later, and once more."""
    spark_world.needs_spark()
    folder = tmp_path_factory.mktemp("days")
    settings = load_settings(_own_environment(folder, WAREHOUSE_DOMAINS="core,customer,health"))
    settings = spark_world.with_lake(settings, folder)
    it = Days(spark_world.deployed(settings, folder / "sample", AFTER))
    later = list(_later(settings, BEFORE))
    it.execute(
        "create schema aside",
        *(f"create table {to} as select {c} from {own} where {rows}" for own, to, rows, c in later),
        *(f"delete from {own} where {rows}" for own, _, rows, _ in later),
    )
    it.build(BEFORE)
    it.execute(
        *(f"insert into {own} ({c}) select {c} from {to}" for own, to, _, c in later),
        *CHANGES,
    )
    it.build(AFTER)
    it.build_spark()
    return it


def test_the_next_day_is_duckdbs(days: Days) -> None:
    assert differences(days.states[0], days.found[0]) == []
    assert differences(days.states[1], days.found[1]) == []
    for name in MODELS:  # or nothing was shown
        place = next(place for place in days.states[0] if place[1] == name)
        assert days.states[0][place].rows != days.states[1][place].rows, name


def test_other_days_are_not_written(days: Days) -> None:
    """Of what is cut into days, exactly the folders that the window's rows touch."""
    known = spark_world.nodes(days.settings)
    seen = 0
    for (home, name), after in days.states[1].items():
        config = known[name]["config"]
        if config["materialized"] not in ("window", "keyed_window"):
            continue
        before, now = days.parts[0][name], days.parts[1][name]
        written = {part for part in before.keys() | now.keys() if before.get(part) != now.get(part)}
        touched = _touched(config, days.states[0][home, name], after)
        cut = {f"{_part(known[name])}={day}" for day in touched}
        assert written == cut & (before.keys() | now.keys()), name
        assert len(before.keys() - written) > 20, f"{name}: hardly a day was left alone"
        seen += 1
    assert seen == 6


def _part(node: Any) -> str:
    column = node["config"]["window_column"]
    return column if node["columns"][column]["data_type"] == "date" else "window_day"


def _touched(config: Any, before: Content, after: Content) -> set[date]:
    """Days of the window; of what goes by keys or by rows of its own, days of rows that changed."""
    at = after.columns.index(config["window_column"])
    if config["materialized"] == "window" and not config.get("window_rows"):
        first = AFTER.date() - timedelta(days=max(3, config.get("lookback_days") or 0))
        return {first + timedelta(days=n) for n in range((AFTER.date() - first).days + 1)}
    if config.get("window_rows"):
        kind = after.columns.index("stat_type")
        rows = (*before.rows, *after.rows)
        return {row[at] for row in rows if (row[kind], row[at]) in CLOSED}
    changed = set(before.rows) ^ set(after.rows)
    return {row[at].date() if isinstance(row[at], datetime) else row[at] for row in changed}


def test_a_day_that_lost_its_last_row_is_empty(days: Days) -> None:
    lost = "window_day=2026-06-29"
    assert lost in days.parts[0]["fct_logins"]
    assert not any("part-" in name for name, _ in days.parts[1]["fct_logins"].get(lost, ()))
    at = days.found[1]["warehouse", "fct_logins"].columns.index("created_at")
    rows = days.found[1]["warehouse", "fct_logins"].rows
    assert not [row for row in rows if row[at].date() == date(2026, 6, 29)]


def test_building_again_changes_nothing(days: Days) -> None:
    assert {k: _sorted(v) for k, v in days.found[2].items()} == {
        k: _sorted(v) for k, v in days.found[1].items()
    }


def _sorted(content: Content) -> Sequence[str]:
    return sorted(map(repr, content.rows))


def test_another_key_is_told(days: Days) -> None:
    """A fact with two keys fails, as on the other engines; a full refresh has the new one alone."""
    settings = with_key(days.settings, secrets.token_hex(32))
    reader = replace(settings, engine=SPARK).reading
    select = "fct_logins fct_audit_events"
    spark_world.build(settings, "--select", select, "--reader")
    with pytest.raises(AssertionError, match=ONE_KEY):
        warehouses.dbt(reader, "test", "--select", ONE_KEY)
    spark_world.build(settings, "--select", select, "--reader", "--full-refresh")
    warehouses.dbt(reader, "test", "--select", ONE_KEY)
    spark_world.build_duckdb(settings, select, "--full-refresh")
    wanted = duckdb_contents(settings, select.split())
    found = spark_world.read(settings, wanted)
    assert differences(wanted, found) == []
    logins = "warehouse", "fct_logins"
    assert _sorted(found[logins]) != _sorted(days.found[1][logins])
