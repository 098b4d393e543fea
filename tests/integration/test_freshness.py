"""Freshness of the application tables: both sides of each bound, as checks that really ran."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import yaml
from rows import insert, make_tables

from orchestration.assets.sources import build_source_assets
from orchestration.database import database_name
from orchestration.freshness import Bounds, bounds_of, build_freshness_checks, is_working_day
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, Settings

NOW = datetime(2026, 6, 30, 12)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
FILE = "models/staging/core/_core__sources.yml"
TABLES = ("saas_unified_alerts", "saas_files", "saas_unified_audit_logs", "saas_api_keys")


def source(
    settings: Settings, table: str, warn: int, error: int, quiet: str = ""
) -> dict[str, Any]:
    return {
        "name": table,
        "description": "",
        "meta": {"quiet": quiet} if quiet else {},
        "columns": {},
        "schema": database_name(settings, "saas_unified_core"),
        "resource_type": "source",
        "original_file_path": FILE,
        "loaded_at_field": "created_at",
        "freshness": {
            "warn_after": {"count": warn, "period": "hour"},
            "error_after": {"count": error, "period": "hour"},
        },
    }


@pytest.mark.parametrize(
    ("age", "severity"),
    [
        (timedelta(0), None),
        (2 * HOUR, None),
        (2 * HOUR + SECOND, "WARN"),
        (5 * HOUR, "WARN"),
        (5 * HOUR + SECOND, "ERROR"),
    ],
)
def test_both_sides_of_each_bound(age: timedelta, severity: str | None) -> None:
    found = Bounds("t", "c", 2 * HOUR, 5 * HOUR).severity(NOW - age, NOW)
    assert (found and found.value) == severity


@pytest.mark.parametrize(
    ("now", "newest", "nights", "weekends"),
    [
        # 26 June 2026 is a Friday; 6 hours warn, 24 are an error.
        ("2026-06-24 04:00", "2026-06-23 21:00", None, None),
        ("2026-06-24 08:30", "2026-06-23 21:00", None, None),
        ("2026-06-24 13:00", "2026-06-23 21:00", None, None),
        ("2026-06-24 13:01", "2026-06-23 21:00", "WARN", "WARN"),
        ("2026-06-28 04:00", "2026-06-26 21:30", "WARN", None),
        ("2026-06-28 15:00", "2026-06-26 18:00", "ERROR", None),
        ("2026-06-29 09:00", "2026-06-26 18:00", "ERROR", None),
        ("2026-06-29 12:00", "2026-06-26 18:00", "ERROR", "WARN"),
        ("2026-06-30 14:01", "2026-06-26 18:00", "ERROR", "ERROR"),
        # National Day: 1 to 7 October are off, Saturday the 10th makes up for one.
        ("2026-10-07 21:00", "2026-09-30 20:00", "ERROR", None),
        ("2026-10-10 12:01", "2026-10-09 20:00", "WARN", "WARN"),
        ("2026-10-11 12:01", "2026-10-10 20:00", "WARN", None),
        # A row of the future, as imports leave them, is no older than now.
        ("2026-06-24 12:00", "2026-06-25 12:00", None, None),
    ],
)
def test_nights_and_days_off_make_nothing_old(
    now: str, newest: str, nights: str | None, weekends: str | None
) -> None:
    for quiet, severity in (("nights", nights), ("weekends", weekends)):
        bounds = Bounds("t", "c", 6 * HOUR, 24 * HOUR, quiet)
        found = bounds.severity(datetime.fromisoformat(newest), datetime.fromisoformat(now))
        assert (found and found.value) == severity, quiet


@pytest.mark.parametrize("quiet", ["nights", "weekends"])
def test_a_bound_lies_where_a_count_of_hours_says(quiet: str) -> None:
    """Against hour after hour, looked at one by one."""
    now = moment = datetime(2026, 10, 11, 15)
    awake = timedelta(0)
    while awake < 60 * HOUR:
        moment -= HOUR
        counts = quiet == "nights" or is_working_day(moment.date())
        if 8 <= moment.hour < 22 and counts:
            awake += HOUR
            assert Bounds("t", "c", awake, 2 * awake, quiet).oldest(awake, now) == moment


def test_the_check_of_each_table_says_how_old_its_newest_row_is(
    engine_settings: Settings,
) -> None:
    settings = replace(engine_settings, domains=("core",), as_of=NOW)
    make_tables(settings, TABLES)
    # A row after the clock, as imports leave them, makes nothing fresh.
    fresh, late, stale, empty = TABLES
    insert(settings, fresh, {"created_at": NOW}, {"created_at": NOW - HOUR})
    insert(settings, late, {"created_at": NOW - 3 * HOUR}, {"created_at": NOW + HOUR})
    insert(settings, stale, {"created_at": NOW - 6 * HOUR})
    manifest = {"sources": {name: source(settings, name, 2, 5) for name in TABLES}}
    job = dg.Definitions(
        assets=[dg.AssetSpec(["saas_unified_core", name]) for name in TABLES],
        asset_checks=(found := build_freshness_checks(settings, manifest)),
        jobs=[dg.define_asset_job("hourly", selection=dg.AssetSelection.checks(*found))],
        resources={"settings": settings},
    ).resolve_job_def("hourly")
    run = job.execute_in_process()
    told = {
        each.asset_key.path[-1]: (each.passed, each.severity.value, each.metadata["newest"].value)
        for each in run.get_asset_check_evaluations()
    }
    assert told == {
        fresh: (True, "ERROR", "2026-06-30 12:00:00"),
        late: (False, "WARN", "2026-06-30 09:00:00"),
        stale: (False, "ERROR", "none since 2026-06-30 07:00:00"),
        empty: (False, "ERROR", "none since 2026-06-30 07:00:00"),
    }


def test_a_check_at_night_on_a_sunday_and_after_a_dead_weekend(engine_settings: Settings) -> None:
    people, program = TABLES[:2]
    made = replace(engine_settings, domains=("core",))
    make_tables(made, (people, program))
    for name in (people, program):
        insert(made, name, {"created_at": datetime(2026, 6, 26, 20)})  # a Friday
    sources = [source(made, people, 5, 20, "weekends"), source(made, program, 5, 20)]

    def told(now: datetime) -> dict[str, str | None]:
        settings = replace(made, as_of=now)
        found = build_freshness_checks(settings, {"sources": {s["name"]: s for s in sources}})
        job = dg.Definitions(
            assets=[dg.AssetSpec(["saas_unified_core", each["name"]]) for each in sources],
            asset_checks=found,
            jobs=[dg.define_asset_job("hourly", selection=dg.AssetSelection.checks(*found))],
            resources={"settings": settings},
        ).resolve_job_def("hourly")
        return {
            each.asset_key.path[-1]: None if each.passed else each.severity.value
            for each in job.execute_in_process().get_asset_check_evaluations()
        }

    assert told(datetime(2026, 6, 27, 4)) == {people: None, program: "WARN"}
    assert told(datetime(2026, 6, 28, 17)) == {people: None, program: "ERROR"}
    assert told(datetime(2026, 6, 29, 12)) == {people: "WARN", program: "ERROR"}
    assert told(datetime(2026, 6, 30, 14)) == {people: "ERROR", program: "ERROR"}


def test_an_observation_says_how_many_rows_and_how_new(engine_settings: Settings) -> None:
    settings = replace(engine_settings, domains=("core",), as_of=NOW)
    full, empty, without_bounds = TABLES[:3]
    make_tables(settings, (full, empty, without_bounds))
    insert(settings, full, {"created_at": NOW - HOUR}, {"created_at": NOW}, {"created_at": NOW})
    insert(settings, without_bounds, {})
    sources = {name: source(settings, name, 2, 5) for name in TABLES}
    sources[without_bounds]["loaded_at_field"] = None
    adapter = "mysql" if settings.is_mysql else "duckdb"
    manifest = {"metadata": {"adapter_type": adapter}, "sources": sources}
    job = dg.Definitions(
        assets=(found := build_source_assets(settings, manifest)),
        jobs=[dg.define_asset_job("observe", selection=dg.AssetSelection.assets(*found))],
        resources={"settings": settings},
    ).resolve_job_def("observe")
    run = job.execute_in_process()
    told = {
        seen.asset_key.path[-1]: {name: each.value for name, each in seen.metadata.items()}
        for event in run.get_asset_observation_events()
        if (seen := event.event_specific_data.asset_observation)
    }
    assert set(told) == {full, empty, without_bounds}
    written = {name: each.pop("last written", None) for name, each in told.items()}
    assert told == {
        full: {"dagster/row_count": 3, "newest row": "2026-06-30 12:00:00"},
        empty: {"dagster/row_count": 0, "newest row": "none since 2026-06-30 07:00:00"},
        without_bounds: {"dagster/row_count": 1},
    }
    # The server's own clock: of now, whatever the warehouse's clock says.
    assert (written[full] is not None) == settings.is_mysql
    assert written[full] is None or written[full].startswith(f"{datetime.now(UTC):%Y-}")


def test_every_source_with_bounds_can_be_asked() -> None:
    asked = 0
    for file in (PROJECT_ROOT / "models" / "staging").rglob("*__sources.yml"):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]:
            for each in group["tables"]:
                if "loaded_at_field" in each:
                    bounds = bounds_of(each)
                    kind = load_record().table(bounds.table).column(bounds.column).base_type
                    assert kind == "timestamp"
                    assert timedelta(0) < bounds.warn < bounds.error
                    asked += 1
    assert asked > 20
