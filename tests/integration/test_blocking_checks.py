"""A job's blocking check, on real rows: what fails it stops the write-back behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from fault_replay import copy_of
from warehouses import Demo

from orchestration import database
from orchestration.assets.write_back import key_of
from orchestration.checks import CHECK
from orchestration.definitions import build_definitions
from orchestration.manifest import prepare_manifest
from orchestration.schedules import RANGE_END, RANGE_START

JOB = "update_account_statistics"


def test_what_fails_its_suite_is_not_written_back(demo: Demo, tmp_path: Path) -> None:
    settings = replace(copy_of(demo.on("embedded"), tmp_path), local_dir=tmp_path)
    figures = "select id, total_messages, failed_messages, updated_at from wework_platform."
    with database.begin(settings) as connection:
        # Of a month ago, which the job does not build anew.
        connection.exec_driver_sql(
            "update wework_platform.wework_account_daily set failed_count = 1000000 "
            "where stat_date = date '2026-05-20'"
        )
        connection.exec_driver_sql("update wework_platform.wework_accounts set failed_messages = 7")
        before = connection.execute(sa.text(f"{figures}wework_accounts order by id")).all()
    prepare_manifest(settings)
    job = build_definitions(settings).get_repository_def().get_job(JOB)
    run = job.execute_in_process(
        raise_on_error=False,
        tags={RANGE_START: "2026-06-29", RANGE_END: "2026-06-30"},
    )
    assert not run.success
    built = {e.asset_key for e in run.all_events if e.is_step_materialization}
    statistics = dg.AssetKey(["wework_platform", "wework_account_statistics"])
    assert statistics in built
    assert key_of(JOB) not in built
    [verdict] = [e for e in run.get_asset_check_evaluations() if e.check_name == CHECK]
    assert (verdict.asset_key, verdict.passed, verdict.blocking) == (statistics, False, True)
    [failure] = verdict.metadata["failures"].value
    assert failure["expectation"] == "account_figures_have_one_fate"
    assert failure["unexpected_rows"] > 0
    assert failure["look"].startswith("select")
    with database.connect(settings, read_only=True) as connection:
        assert connection.execute(sa.text(f"{figures}wework_accounts order by id")).all() == before
