"""A marker in every classified column, a run of everything, and then a search: none got out.

Staging, and the columns of the applications' views that say whom they show, are where markers are
meant to be. The run is the one that a company has: builds, write-backs, suites that fail on marked
rows and say where, pages, the archive, Dagster with its history.
"""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import markers
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import warehouses
import yaml
from conftest import _own_environment, _parsed_before
from test_cookbook import HOMES, QUESTIONS
from warehouses import AS_OF, SCALE, dbt

from orchestration import dagster_dev, database
from orchestration.ab_tests import refresh_ab_test_results
from orchestration.checks import build_suite_checks
from orchestration.definitions import build_definitions
from orchestration.errors import WarehouseError
from orchestration.governance.lineage import CLASSIFIED
from orchestration.jobs import _operation_job
from orchestration.lake.months import sync
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Operation, Run, run_operation
from orchestration.reports.health import health_report
from orchestration.reports.overview_page import write_pages
from orchestration.reports.page import render
from orchestration.retention.archive import archive_url
from orchestration.retention.run import run_all
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schedules import RANGE_END, RANGE_START
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.validation import ValidationReport, validate

WHOLE = (pytest.mark.slow, pytest.mark.timeout(3600))
EXTENTS = [
    "embedded",
    pytest.param("embedded full", marks=WHOLE),
    pytest.param("mysql full", marks=(pytest.mark.mysql, *WHOLE)),
]
# What the short run archives: tables with secrets, messages and logs in them.
ARCHIVED = ("wework_callback_logs", "saas_unified_audit_logs", "health_device_logs")
ARCHIVE_KEY = base64.b64encode(b"m" * 32).decode()
# The classes' counts of docs/security.md.
CLASSIFIED_COLUMNS = 347


@dataclass(frozen=True)
class World:
    """What ran, where its files are, and what it said."""

    settings: Settings
    marked: Mapping[str, int]
    checked: ValidationReport
    failed_rows: str


@pytest.fixture(scope="module", params=EXTENTS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A run over marked rows; all that it says lies in files of its folder.

    A full one has dbt's tests and pages too, a build by Dagster, and all of the archive.
    """
    engine, _, full = request.param.partition(" ")
    if engine == "mysql":
        settings = request.getfixturevalue("module_mysql_settings")
    else:
        settings = load_settings(_own_environment(tmp_path_factory.mktemp("markers")))
    settings = replace(settings, as_of=AS_OF)
    with _parsed_before(settings, tmp_path_factory.getbasetemp()):
        settings = _with_archive(settings)
        yield _run(settings, tmp_path_factory.mktemp("marked") / "sample", bool(full))


def _run(settings: Settings, sample: Path, full: bool) -> World:
    generate(settings, SCALE, 1, AS_OF.date(), sample, settings.domains)
    marked = markers.plant(sample)
    deploy(settings, oldest=warehouses._oldest(sample), progress=lambda _: None)
    load(settings, sample, domains=settings.domains)
    said = Said(settings.local_dir / "said.log")
    _build(settings, said)
    if full:
        with suppress(AssertionError):  # marked rows break some
            dbt(settings, "test", "--store-failures")
        dbt(settings, "docs", "generate", "--static")
    checked = validate(settings, docs_directory=settings.local_dir / "docs" / "suites", keep=True)
    said(checked.summary())
    _pages(settings, said, full)
    failed = _dagster(settings, full)
    # Last, because retention takes rows away.
    tables = () if full else ARCHIVED
    said(*map(repr, sync(settings, tables, progress=said)))
    said(*map(repr, run_all(settings, tables, progress=said)))
    return World(settings, marked, checked, failed)


class Said:
    """Takes down what a person would see on the screen."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, *lines: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)


def _with_archive(settings: Settings) -> Settings:
    more = {"WAREHOUSE_ARCHIVE_KEY": ARCHIVE_KEY}
    return replace(settings, environment={**settings.environment, **more})


def _build(settings: Settings, said: Said) -> None:
    dbt(settings, "build", "--resource-type", "model", "--resource-type", "seed",
        "--resource-type", "snapshot")  # fmt: skip
    refresh_ab_test_results(settings)
    for operation in OPERATIONS:
        said(run_operation(operation, settings).summary())


def _pages(settings: Settings, said: Said, full: bool) -> None:
    for language in ("zh", "en") if full else ("zh",):
        write_pages(settings, settings.local_dir / "reports" / language, language)
    patients = table_named(metadata_of(settings), "health_patients")
    for patient in _rows(settings, sa.select(patients.c.id).order_by(patients.c.id))[
        : 60 if full else 12
    ]:
        try:
            report = health_report(settings, patient["id"])
        except WarehouseError as error:
            said(f"{error} {error.fix}")
            continue
        said(report.summary(), report.to_json(), render(report, "zh"))
    for number, question in QUESTIONS.items():
        sql = question
        for home in HOMES:
            sql = sql.replace(f" {home}.", f" {database.database_name(settings, home)}.")
        said(number, *map(str, _rows(settings, sa.text(sql.replace(":", "\\:")))))


def _dagster(settings: Settings, full: bool) -> str:
    """Suites as checks, an operation that breaks on marked rows, and a build with its write-back.

    What the one that broke said.
    """
    dagster_dev.make_home(settings)
    resources = {"settings": settings}
    with dg.DagsterInstance.from_config(str(dagster_dev.dagster_home(settings))) as instance:
        if full:
            dagster_dev.prepare(settings)
            jobs = build_definitions(settings).get_repository_def()
            jobs.get_job("update_account_statistics").execute_in_process(
                raise_on_error=False,
                instance=instance,
                tags={RANGE_START: "2026-06-29", RANGE_END: "2026-06-30"},
            )
        dg.materialize(
            build_suite_checks(replace(settings, domains=("health",))),
            selection=dg.AssetSelection.all_asset_checks(),
            instance=instance,
            resources=resources,
            raise_on_error=False,
        )
        broken = Operation("breaks", "core", _insert_users_again, "Stops at a key.")
        run = _operation_job(settings, broken).execute_in_process(
            raise_on_error=False, instance=instance, resources=resources
        )
        [failure] = [e for e in run.all_events if e.is_step_failure]
        return str(failure.event_specific_data.error)


def _insert_users_again(run: Run) -> None:
    users = run.table("saas_users")
    with run.read() as connection:
        found = connection.execute(sa.select(users).where(users.c.phone.is_not(None))).mappings()
        again = [{**row, "id": f"again-{n}"} for n, row in enumerate(found)]
    run.change(None, again, lambda c, rows: c.execute(users.insert(), rows).rowcount)


def _rows(settings: Settings, query: Any) -> list[Mapping[str, Any]]:
    with database.connect(settings, read_only=True) as connection:
        return list(connection.execute(query).mappings())


def test_every_classified_column_was_marked(world: World) -> None:
    columns = {
        f"{table.name}.{column.name}": column
        for table in load_record().application_tables()
        for column in table.stored_columns
        if column.classification in CLASSIFIED
    }
    assert len(columns) == CLASSIFIED_COLUMNS
    wanted = {name for name, column in columns.items() if markers.is_marked(name, column)}
    assert {name for name, rows in world.marked.items() if rows} == wanted
    assert len(wanted) == 324
    secrets = {name for name, column in columns.items() if column.classification == "secret"}
    assert secrets <= wanted


def test_suites_failed_on_marked_rows_and_dagster_kept_what_it_saw(world: World) -> None:
    """Otherwise the search below would look where nothing can be."""
    failures = [outcome for suite in world.checked.suites for outcome in suite.failures]
    assert len(failures) > 10
    assert sum(bool(outcome.findings) for outcome in failures) > 10
    home = dagster_dev.dagster_home(world.settings)
    events = b"".join(file.read_bytes() for file in home.rglob("*.db"))
    for word in (b"unexpected_rows", b"found", b"breaks"):
        assert word in events, word
    assert "saas_users" in world.failed_rows
    said = (world.settings.local_dir / "said.log").read_text(encoding="utf-8")
    assert said.count("Health report of patient") > 1


def test_no_relation_of_ours_shows_a_marker(world: World) -> None:
    read, leaks = markers.leaks_in_relations(world.settings, _declared())
    assert read > 150
    assert not leaks, "\n".join(leaks)


def test_no_file_shows_a_marker(world: World) -> None:
    read, leaks = markers.leaks_in_files(world.settings.local_dir, _is_the_database)
    names = {file.name for file in world.settings.local_dir.rglob("*") if file.is_file()}
    wanted = {"manifest.json", "run_results.json", "dbt.log", "index.html", "said.log",
              "data.parquet", "_manifest.json", "runs.db"}  # fmt: skip
    assert not {name for name in wanted if not any(n.endswith(name) for n in names)}
    sealed = Path(archive_url(world.settings)) / "_sealed"
    assert all(list((sealed / table).rglob("data.parquet")) for table in ARCHIVED)
    assert read > 500
    assert not leaks, "\n".join(leaks)


def _is_the_database(file: Path) -> bool:
    return file.name.startswith("saas_warehouse.duckdb")


def _declared() -> set[str]:
    """Columns of the applications' views that are said to show people, and what is released."""
    found = set()
    for file in (PROJECT_ROOT / "models" / "marts").rglob("_*.yml"):
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", []):
            for column in model["columns"]:
                meta = column.get("meta", {})
                shows = file.parent.name == "views" and meta.get("classification") in ("pii", "phi")
                if shows or meta.get("released"):
                    found.add(f"{model['name']}.{column['name']}")
    return found


PLANTS = {
    "under another name": "upper(phone)",
    "in a text": "concat('call ', phone, ' today')",
    "in JSON": "json_object('a', phone)",
    "as the greatest": "max(phone) over ()",
    "cut at its end": "left(phone, 8)",
}


def test_what_is_planted_in_a_relation_is_found(world: World) -> None:
    columns = ", ".join(f"{sql} as c{n}" for n, sql in enumerate(PLANTS.values()))
    warehouse, staging, core = (
        database.database_name(world.settings, name)
        for name in ("warehouse", "warehouse_staging", "saas_unified_core")
    )
    made = {
        warehouse: f"{columns}, birth_date as born from {staging}.stg_health__patients",
        # phones may be in staging
        staging: f"phone, password_hash as token from {core}.saas_users",
    }
    with database.begin(world.settings) as connection:
        for home, query in made.items():
            connection.exec_driver_sql(f"create table {home}.leaky as select {query}")
    try:
        _, leaks = markers.leaks_in_relations(world.settings, _declared(), ["leaky"])
    finally:
        with database.begin(world.settings) as connection:
            for home in made:
                connection.exec_driver_sql(f"drop table {home}.leaky")
    assert sorted(leaks) == [
        "warehouse.leaky.born: health_patients.birth_date",
        *(f"warehouse.leaky.c{n}: health_patients.phone" for n in range(len(PLANTS))),
        "warehouse_staging.leaky.token: saas_users.password_hash",
    ]


def test_what_is_planted_in_a_file_is_found(world: World, tmp_path: Path) -> None:
    patients = table_named(metadata_of(world.settings), "health_patients")
    query = sa.select(patients.c.phone).where(patients.c.phone.is_not(None)).limit(5)
    phones = [row["phone"] for row in _rows(world.settings, query)]
    (tmp_path / "dbt.log").write_text(f"Could not convert string '{phones[0]}' to INT32")
    (tmp_path / "page.html").write_text(f"<td>{phones[1]}</td>")
    pq.write_table(pa.table({"phone": phones}), tmp_path / "data.parquet")
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("create table events (body text)")
        connection.execute("insert into events values (?)", [json.dumps({"got": phones[2]})])
    with gzip.open(tmp_path / "old.log.gz", "wt") as file:
        file.write(phones[3])
    _, leaks = markers.leaks_in_files(tmp_path, _is_the_database)
    found = {leak.partition(":")[0].partition(" ")[0] for leak in leaks}
    assert found == {"dbt.log", "page.html", "data.parquet", "events.db", "old.log.gz"}
    assert all(leak.endswith(": health_patients.phone") for leak in leaks)
