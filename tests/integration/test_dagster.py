"""`warehouse dagster` for real: web server and daemon, a run over GraphQL, nothing left behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import pytest
import retention_world
import sqlalchemy as sa
from dagster_server import AS_OF, DAY, DOMAINS, DagsterServer, deploy_a_day, free_port, served
from rows import table
from warehouses import ENGINES_SPARINGLY

from orchestration import dagster_dev, database
from orchestration.assets.write_back import key_of
from orchestration.definitions import build_definitions
from orchestration.errors import WarehouseError
from orchestration.retention.archive import Archive
from orchestration.schedules import DAILY_BUILD, LAKE_SYNC, SCHEDULES, request, why_not
from orchestration.schema.record import load_record
from orchestration.settings import Settings

# The schedule that the daemon really ticks here, every two minutes.
TICKING = "auto_status_check"


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    """Core and wework deployed, with a day's messages."""
    settings = replace(engine_settings, domains=DOMAINS, as_of=AS_OF)
    deploy_a_day(settings)
    return settings


@pytest.fixture
def server(settings: Settings) -> Iterator[DagsterServer]:
    """Serves the settings' warehouse."""
    with served(settings) as server:
        yield server


@pytest.mark.parametrize("engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_a_day_of_wework_is_built_and_checked_by_the_daemon(
    settings: Settings, server: DagsterServer, tmp_path: Path
) -> None:
    repository = build_definitions(settings).get_repository_def()
    _a_dry_run_changes_nothing(settings, repository)
    # On DuckDB its ticks skip while the build holds the file, and say so.
    server.switch_on(TICKING)
    run_id = server.launch("wework", DAY)
    assert server.finished(run_id) == "SUCCESS", server.failures(run_id)
    _a_tick_started_a_run(settings, server)

    usage = ["wework_platform", "wework_tenant_usage"]
    assert server.materialization(usage) == {
        "partition": DAY,
        "start_date": DAY,
        "end_date": "2026-06-30",
        "dagster/row_count": 1,
    }
    assert server.materialization(["warehouse", "dim_wework_accounts"])["dagster/row_count"] == 1
    assert server.materialization(["warehouse_staging", "stg_wework__accounts"])

    assert server.check(usage, "known_tenant_wework_tenant_usage_tenant_id") == "SUCCEEDED"
    # A suite's verdict on four messages is not the point here, that it was given is.
    assert server.check(usage, "expectations") in ("SUCCEEDED", "FAILED")

    rows = _read(settings, "wework_tenant_usage", "stat_date", "sent_messages", "failed_messages")
    assert rows == [(date(2026, 6, 29), 3, 1)], "DAY was asked for, so the 30th is not built"

    _figures_are_built_and_written_back(settings, repository)
    _the_daily_build_takes_each_model_s_own_window(repository)
    _months_go_to_the_lake_as_they_close(settings, tmp_path)


def _figures_are_built_and_written_back(
    settings: Settings, repository: dg.RepositoryDefinition
) -> None:
    """The job as its schedule asks for it: the days of a week, then the write-back behind them."""
    name = "update_account_statistics"
    [row] = [row for row in SCHEDULES if row.name == name]
    asked = request(row, datetime(2026, 6, 30, 23, 5, tzinfo=ZoneInfo("Asia/Shanghai")))
    job = repository.get_job(name)
    dry = {"ops": {f"wework_platform__{name}": {"config": {"dry_run": True}}}}
    told = job.execute_in_process(tags=asked.tags, run_config=dry)
    assert _told(told, name) == (1, 1, True)
    assert _read(settings, "wework_accounts", "total_messages") == [(0,)]
    assert _told(job.execute_in_process(asset_selection=[key_of(name)]), name) == (1, 1, False)
    figures = ("total_messages", "successful_messages", "failed_messages", "message_success_rate",
               "online_duration_hours", "uptime_percentage", "updated_at")  # fmt: skip
    assert _read(settings, "wework_accounts", *figures) == [
        (4, 2, 1, Decimal("66.67"), Decimal("48.00"), Decimal("100.00"), AS_OF)
    ]


def _a_dry_run_changes_nothing(settings: Settings, repository: dg.RepositoryDefinition) -> None:
    """There is work for it: the account was never heard of, and is silent then."""
    assert why_not(TICKING, settings) == ""
    dry = {"ops": {f"run_{TICKING}": {"config": {"dry_run": True}}}}
    run = repository.get_job(TICKING).execute_in_process(run_config=dry)
    assert _told(run, f"run_{TICKING}")[1:] == (1, True)
    assert _read(settings, "wework_accounts", "status") == [("ONLINE",)]


def _a_tick_started_a_run(settings: Settings, server: DagsterServer) -> None:
    """The daemon's own, by the schedule's cron; and the next tick finds nothing to do."""
    tick = server.tick(TICKING, "SUCCESS")
    [run_id] = tick["runIds"]
    assert server.finished(run_id) == "SUCCESS", server.failures(run_id)
    server.switch_off(TICKING)
    assert _read(settings, "wework_accounts", "status") == [("OFFLINE",)]
    assert why_not(TICKING, settings) == f"Nothing to do for {TICKING}."


def _the_daily_build_takes_each_model_s_own_window(repository: dg.RepositoryDefinition) -> None:
    """A table of days and one that reads it, which Dagster refuses in a run without days."""
    [row] = [row for row in SCHEDULES if row.name == DAILY_BUILD]
    asked = request(row, datetime(2026, 6, 30, 23, 5, tzinfo=ZoneInfo("Asia/Shanghai")))
    daily, whole = (
        dg.AssetKey(["wework_platform", f"wework_account_{name}"])
        for name in ("daily", "statistics")
    )
    run = repository.get_job(DAILY_BUILD).execute_in_process(
        asset_selection=[daily, whole], tags=asked.tags
    )
    made = run.asset_materializations_for_node("dbt_build")
    days = {event.partition for event in made if event.asset_key == daily}
    assert days == {f"2026-06-{day}" for day in (27, 28, 29, 30)}
    assert [event.partition for event in made if event.asset_key == whole] == [None]
    assert not any("start_date" in event.metadata for event in made)


def _months_go_to_the_lake_as_they_close(settings: Settings, folder: Path) -> None:
    """June, on its first night as a closed month; May has no rows, and so no file."""
    night = datetime(2026, 7, 1, 1, 30)
    later = retention_world.with_archive(settings, folder / "lake", night)
    [row] = [row for row in SCHEDULES if row.name == LAKE_SYNC]
    asked = request(row, night.replace(tzinfo=ZoneInfo("Asia/Shanghai")), date(2026, 5, 31))
    assert sorted(asked.tags.values()) == ["2026-05-01", "2026-06-01"]
    job = build_definitions(later).get_repository_def().get_job(LAKE_SYNC)
    run = job.execute_in_process(tags=asked.tags)
    known = load_record().table("wework_message_records")
    told = {
        event.partition: {name: each.value for name, each in event.metadata.items()}
        for event in run.asset_materializations_for_node(f"lake__{known.name}")
    }
    manifest = Archive(later).peek(known, date(2026, 6, 1))
    assert told["2026-06-01"].pop("bytes") > 0
    assert told["2026-06-01"] == {
        "dagster/row_count": 4,
        "rows online": 4,
        "files": 2,
        "checksum": manifest.checksum,
        "state": "made",
        "lake": str(folder / "lake"),
    }
    assert (told["2026-05-01"]["files"], told["2026-05-01"]["state"]) == (0, "no rows")
    ids = {row_id for (row_id,) in _read(settings, known.name, "id")}
    assert set(pd.read_parquet(folder / "lake" / known.name)["id"]) == ids
    # What cannot be written fails the step, and says why.
    keyless = retention_world.with_archive(later, folder / "lake", night, WAREHOUSE_ARCHIVE_KEY="")
    job = build_definitions(keyless).get_repository_def().get_job(LAKE_SYNC)
    key = dg.AssetKey(["lake", known.name])
    run = job.execute_in_process(tags=asked.tags, asset_selection=[key], raise_on_error=False)
    [failure] = [event for event in run.all_events if event.is_step_failure]
    assert "WAREHOUSE_ARCHIVE_KEY is not set" in str(failure.event_specific_data.error)


def _told(run: dg.ExecuteInProcessResult, step: str) -> tuple[Any, ...]:
    """Rows examined and changed, and whether it was a dry run, by the step's metadata."""
    assert run.success
    for event in run.all_events:
        data = event.event_specific_data
        if not (event.step_key or "").endswith(step):
            continue
        shown = getattr(getattr(data, "materialization", data), "metadata", None) or {}
        if "rows changed" in shown:
            names = ("rows examined", "rows changed", "dry run")
            return tuple(shown[name].value for name in names)
    pytest.fail(f"{step} left no metadata")


def test_a_taken_port_and_a_second_dagster_are_refused_in_a_sentence(
    embedded_settings: Settings,
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(WarehouseError, match=f"Port {port} on 127.0.0.1 cannot be used"):
            dagster_dev.run(embedded_settings, port=port)
    home = dagster_dev.dagster_home(embedded_settings)
    with (
        dagster_dev.only_one(home, embedded_settings),
        pytest.raises(WarehouseError, match=rf"already runs for embedded \(process {os.getpid()}"),
    ):
        dagster_dev.run(embedded_settings, port=free_port())


def test_the_instance_is_set_up_before_anything_starts(embedded_settings: Settings) -> None:
    from dagster import DagsterInstance

    environment = dagster_dev.prepare(embedded_settings)
    with DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
        assert limits == {"duckdb_writer": 1, "mysql_builds": 1}
        assert instance.get_concurrency_config().pool_config.pool_granularity.value == "run"
        assert instance.telemetry_enabled is False
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.get_settings("run_retries")["retry_on_asset_or_op_failure"] is False


def _read(settings: Settings, name: str, *columns: str) -> list[tuple[Any, ...]]:
    asked = table(settings, name)
    query = sa.select(*(asked.c[column] for column in columns)).order_by(*asked.primary_key)
    with database.connect(settings, read_only=True) as connection:
        return [tuple(row) for row in connection.execute(query)]
