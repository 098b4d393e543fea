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
from orchestration.freshness import Bounds, bounds_of, build_freshness_checks
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, Settings

NOW = datetime(2026, 6, 30, 12)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
FILE = "models/staging/core/_core__sources.yml"
TABLES = ("saas_unified_alerts", "saas_files", "saas_unified_audit_logs", "saas_api_keys")


def source(settings: Settings, table: str, warn: int, error: int) -> dict[str, Any]:
    return {
        "name": table,
        "description": "",
        "meta": {},
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
