"""Everything the Dagster UI shows. Loading it reads the environment and one file, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.assets.ab_tests import build_ab_test_assets
from orchestration.assets.dbt import build_dbt_assets
from orchestration.assets.lake import build_lake_assets
from orchestration.assets.reports import build_report_assets
from orchestration.assets.sources import build_source_assets
from orchestration.assets.write_back import build_write_back_assets
from orchestration.automation import following
from orchestration.checks import build_suite_checks
from orchestration.freshness import build_freshness_checks
from orchestration.jobs import build_jobs, build_late_jobs
from orchestration.manifest import load_manifest
from orchestration.resources import Dbt
from orchestration.schedules import build_schedules, scheduled_assets
from orchestration.sensors import build_late_data_sensor, build_sensors
from orchestration.settings import Settings, load_settings
from orchestration.spark.dagster import SparkDbt


def build_definitions(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """The code location for these settings; tests replace resources by name."""
    settings = settings or load_settings()
    manifest = load_manifest(settings)
    models = following(build_dbt_assets(settings, manifest), scheduled_assets())
    sources = build_source_assets(settings, manifest)
    lake = build_lake_assets(settings, manifest)
    freshness = build_freshness_checks(settings, manifest)
    late = build_late_jobs(settings, manifest)
    groups = sorted({spec.group_name for spec in models.specs})
    return dg.Definitions(
        assets=[
            *sources,
            models,
            *build_ab_test_assets(settings, manifest),
            *build_write_back_assets(settings, manifest),
            *build_report_assets(settings, models),
            *lake,
        ],
        asset_checks=[*build_suite_checks(settings), *freshness],
        jobs=[*build_jobs(settings, groups, sources, freshness, lake), *late],
        schedules=build_schedules(settings),
        sensors=[
            *build_sensors(settings),
            *([build_late_data_sensor(settings, late)] if late else []),
        ],
        resources={
            "settings": settings,
            "dbt": SparkDbt(settings) if settings.on_spark else Dbt(settings),
            **(resource_overrides or {}),
        },
        # dbt does the parallel work; a process for each step would only cost its start.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster` loads, when it loads it: importing this module does nothing."""
    return build_definitions()
