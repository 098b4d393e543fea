"""`warehouse dagster` for real: web server and daemon, a run over GraphQL, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from orchestration import dagster_dev, database
from orchestration.assets.write_back import key_of
from orchestration.definitions import build_definitions
from orchestration.errors import WarehouseError
from orchestration.schedules import DAILY_BUILD, SCHEDULES, request, why_not
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, Settings

DOMAINS = ("core", "wework")
AS_OF = datetime(2026, 6, 30, 23, 59, 59)
DAY = "2026-06-29"
# Bounds against a hang; an idle machine needs a fifth of them.
START_SECONDS, RUN_SECONDS, STOP_SECONDS = 180, 420, 90
RUN_IT = """
import sys
from orchestration.dagster_dev import run
from orchestration.settings import load_settings
sys.exit(run(load_settings(), port=int(sys.argv[1])))
"""


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    """Core and wework deployed, with one account and four messages of DAY, three of them sent."""
    settings = replace(engine_settings, domains=DOMAINS, as_of=AS_OF)
    deploy(settings, oldest=date(2026, 6, 1), progress=lambda _: None)
    # On DAY itself: earlier days then need no rows, so that one day alone is complete.
    opened = datetime(2026, 6, 29)
    tenant = {"id": "t1", "created_at": opened, "status": "active"}
    account = {"id": "a1", "tenant_id": "t1", "created_at": opened, "status": "ONLINE"}
    messages = [
        _message(1, "send", "delivered", datetime(2026, 6, 29, 0, 0, 0)),
        _message(2, "send", "failed", datetime(2026, 6, 29, 12, 0, 0)),
        _message(3, "send", "read", datetime(2026, 6, 29, 23, 59, 59)),
        _message(4, "receive", "pending", datetime(2026, 6, 29, 12, 0, 1)),
    ]
    _insert(settings, "saas_tenants", [tenant])
    _insert(settings, "wework_accounts", [account])
    _insert(settings, "wework_message_records", messages)
    return settings


@pytest.fixture
def server(settings: Settings) -> Iterator[str]:
    """The running UI's address; at the end it is stopped as a service manager would."""
    port = _free_port()
    log = settings.local_dir / "dagster.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN_IT, str(port)],
            cwd=PROJECT_ROOT,
            env=settings.child_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(address, process, log)
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_SECONDS) == 0, log.read_text()
        assert _still_there(settings) == [], "processes outlived `warehouse dagster`"
        dagster_dev.check_port("127.0.0.1", port)
    finally:
        if process.poll() is None:
            process.kill()
        for number in _still_there(settings):
            os.kill(number, signal.SIGKILL)


def test_a_day_of_wework_is_built_and_checked_by_the_daemon(
    settings: Settings, server: str
) -> None:
    run_id = _launch(server, "wework", DAY)
    assert _finished(server, run_id) == "SUCCESS", _failures(server, run_id)

    usage = ["wework_platform", "wework_tenant_usage"]
    assert _materialization(server, usage) == {
        "partition": DAY,
        "start_date": DAY,
        "end_date": "2026-06-30",
        "dagster/row_count": 1,
    }
    assert _materialization(server, ["warehouse", "dim_wework_accounts"])["dagster/row_count"] == 1
    assert _materialization(server, ["warehouse_staging", "stg_wework__accounts"])

    assert _check(server, usage, "known_tenant_wework_tenant_usage_tenant_id") == "SUCCEEDED"
    # A suite's verdict on four messages is not the point here, that it was given is.
    assert _check(server, usage, "expectations") in ("SUCCEEDED", "FAILED")

    rows = _read(settings, "wework_tenant_usage", "stat_date", "sent_messages", "failed_messages")
    assert rows == [(date(2026, 6, 29), 3, 1)], "DAY was asked for, so the 30th is not built"

    repository = build_definitions(settings).get_repository_def()
    _figures_are_built_and_written_back(settings, repository)
    _an_operation_runs_as_an_op(settings, repository)
    _the_daily_build_takes_each_model_s_own_window(repository)


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


def _an_operation_runs_as_an_op(settings: Settings, repository: dg.RepositoryDefinition) -> None:
    """Only where there is work for it: the account was never heard of, and is silent then."""
    name = "auto_status_check"
    assert why_not(name, settings) == ""
    job = repository.get_job(name)
    dry = {"ops": {f"run_{name}": {"config": {"dry_run": True}}}}
    assert _told(job.execute_in_process(run_config=dry), f"run_{name}")[1:] == (1, True)
    assert _read(settings, "wework_accounts", "status") == [("ONLINE",)]
    assert _told(job.execute_in_process(), f"run_{name}")[1:] == (1, False)
    assert _read(settings, "wework_accounts", "status") == [("OFFLINE",)]
    assert why_not(name, settings) == "Nothing to do for auto_status_check."


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
        dagster_dev.run(embedded_settings, port=_free_port())


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


# --- rows ---


def _message(number: int, direction: str, status: str, at: datetime) -> dict[str, Any]:
    return {
        "id": f"m{number}",
        "tenant_id": "t1",
        "account_id": "a1",
        "message_id": f"wx{number}",
        "direction": direction,
        "send_status": status,
        "created_at": at,
    }


def _insert(settings: Settings, name: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows; columns that must not be NULL and are not given get any value."""
    table = load_record(DOMAINS).table(name)
    fill = {
        column.name: column.enum_values[0] if column.enum_values else "x"
        for column in table.stored_columns
        if not column.nullable and column.default is None
    }
    with database.begin(settings) as connection:
        connection.execute(sa.insert(_table(settings, name)), [{**fill, **row} for row in rows])


def _read(settings: Settings, name: str, *columns: str) -> list[tuple[Any, ...]]:
    table = _table(settings, name)
    query = sa.select(*(table.c[column] for column in columns)).order_by(*table.primary_key)
    with database.connect(settings, read_only=True) as connection:
        return [tuple(row) for row in connection.execute(query)]


def _table(settings: Settings, name: str) -> sa.Table:
    return table_named(metadata_of(settings), name)


# --- processes ---


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _still_there(settings: Settings) -> list[int]:
    """Processes other than this one whose environment names this test's DAGSTER_HOME."""
    home = f"DAGSTER_HOME={dagster_dev.dagster_home(settings)}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if home in variables:
                found.append(int(entry.name))
    return found


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            loaded = _query(
                address, "{repositoriesOrError {... on RepositoryConnection {nodes {id}}}}"
            )
            if loaded["repositoriesOrError"].get("nodes"):
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(1)
    pytest.fail(f"Dagster did not come up in {START_SECONDS} s: {log.read_text()[-3000:]}")


# --- GraphQL ---


def _query(address: str, query: str, **variables: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.loads(response.read())
    assert not answer.get("errors"), answer["errors"]
    return dict(answer["data"])


def _launch(address: str, job: str, day: str) -> str:
    answer = _query(
        address,
        """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
            __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}""",
        params={
            "selector": {
                "repositoryLocationName": "orchestration.definitions",
                "repositoryName": "__repository__",
                "jobName": job,
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
        },
    )["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def _finished(address: str, run_id: str) -> str:
    deadline = time.monotonic() + RUN_SECONDS
    status = "none"
    while time.monotonic() < deadline:
        run = _query(
            address, "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}", id=run_id
        )
        status = run["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        time.sleep(1)
    return f"still {status} after {RUN_SECONDS} s"


def _failures(address: str, run_id: str) -> list[str]:
    run = _query(
        address,
        """query($id: ID!) {runOrError(runId: $id) {... on Run {eventConnection {events {
            ... on ExecutionStepFailureEvent {error {message}}
            ... on RunFailureEvent {message}}}}}}""",
        id=run_id,
    )
    return [str(event) for event in run["runOrError"]["eventConnection"]["events"] if event]


def _materialization(address: str, key: list[str]) -> dict[str, Any]:
    """The newest one: its partition, the window's days and the rows, as far as it has them."""
    asset = _query(
        address,
        """query($key: AssetKeyInput!) {assetOrError(assetKey: $key) {... on Asset {
            assetMaterializations(limit: 1) {partition metadataEntries {label
            ... on IntMetadataEntry {intValue} ... on TextMetadataEntry {text}}}}}}""",
        key={"path": key},
    )
    [event] = asset["assetOrError"]["assetMaterializations"]
    wanted = ("start_date", "end_date", "dagster/row_count")
    found = {
        entry["label"]: entry.get("intValue", entry.get("text"))
        for entry in event["metadataEntries"]
        if entry["label"] in wanted
    }
    return {"partition": event["partition"], **found}


def _check(address: str, key: list[str], name: str) -> str:
    found = _query(
        address,
        """query($key: AssetKeyInput!, $name: String!) {assetCheckExecutions(
            assetKey: $key, checkName: $name, limit: 1) {status}}""",
        key={"path": key},
        name=name,
    )["assetCheckExecutions"]
    assert found, f"{name} was not recorded"
    return str(found[0]["status"])
