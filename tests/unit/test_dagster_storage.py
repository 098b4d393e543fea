"""Dagster's event log with its files kept open: nothing is lost, and who watches is told."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from orchestration import dagster_storage
from orchestration.dagster_storage import OpenEventLog

CONFIG = """
storage:
  custom:
    module: orchestration.dagster_storage
    class: OpenSqliteStorage
    config: {{base_dir: {home}}}
"""
# Plans a run of a hundred assets, tells that it did, and waits to be killed.
WRITER = """
import sys, time, dagster as dg
@dg.multi_asset(specs=[dg.AssetSpec(f"a{n}") for n in range(100)])
def made(): ...
job = dg.Definitions([made]).get_implicit_global_asset_job_def()
run = dg.DagsterInstance.from_config(sys.argv[1]).create_run_for_job(job)
print(run.run_id, flush=True)
time.sleep(60)
"""


@dg.asset
def one() -> None: ...


JOB = dg.Definitions([one]).get_implicit_global_asset_job_def()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DAGSTER_HOME with our storage."""
    (tmp_path / "dagster.yaml").write_text(CONFIG.format(home=tmp_path), encoding="utf-8")
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)
        yield instance


def test_a_run_is_told_whole_and_found_by_another_process(
    instance: dg.DagsterInstance, home: Path
) -> None:
    assert JOB.execute_in_process(instance=instance).success
    assert len(instance.event_log_storage._engines) == 2
    with dg.DagsterInstance.from_config(str(home)) as other:
        [run] = other.get_runs()
        kinds = [record.dagster_event_type for record in other.all_logs(run.run_id)]
        assert other.get_latest_materialization_event(one.key) is not None
    assert kinds[-1] is dg.DagsterEventType.RUN_SUCCESS
    assert dg.DagsterEventType.ASSET_MATERIALIZATION in kinds


def test_what_a_killed_process_told_is_there(home: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        run_id = writer.stdout.readline().strip()
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        told = [record.dagster_event_type for record in instance.all_logs(run_id)]
        index = instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        )
    assert told.count(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED) == 100
    assert len(index) == 100


def test_who_watches_a_run_hears_of_it(instance: dg.DagsterInstance, home: Path) -> None:
    """As the page of a run does, in the web server's process."""
    run = instance.create_run_for_job(JOB)
    heard: queue.Queue[str] = queue.Queue()
    with dg.DagsterInstance.from_config(str(home)) as watcher:
        watcher.watch_event_logs(run.run_id, None, lambda entry, _: heard.put(_said(entry)))
        instance.report_engine_event("the first word", run)
        while heard.get(timeout=20) != "the first word":
            pass
        # What a watcher reads is no news to it.
        read_at = Path(watcher.event_log_storage.path_for_shard(run.run_id)).stat().st_mtime_ns
        watcher.all_logs(run.run_id)
        after = Path(watcher.event_log_storage.path_for_shard(run.run_id)).stat().st_mtime_ns
        assert after == read_at


def _said(entry: dg.EventLogEntry) -> str:
    return (entry.dagster_event and entry.dagster_event.message) or ""


def test_files_are_let_go_of(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_storage, "OPEN_FILES", 3)
    runs = [instance.create_run_for_job(JOB) for _ in range(6)]
    log = instance.event_log_storage
    assert isinstance(log, OpenEventLog)
    assert len(log._engines) == 3
    assert runs[-1].run_id in log._engines and runs[0].run_id not in log._engines
    instance.report_engine_event("of the first run again", runs[0])
    assert "of the first run again" in [_said(entry) for entry in instance.all_logs(runs[0].run_id)]
    # A file that was taken away (`dagster run wipe`) is not written to in the dark.
    Path(log.path_for_shard(runs[0].run_id)).unlink()
    instance.report_engine_event("anew", runs[0])
    assert [_said(entry) for entry in instance.all_logs(runs[0].run_id)] == ["anew"]
    log.dispose()
    assert not log._engines


def test_the_log_is_written_ahead_and_waits_for_no_disk(instance: dg.DagsterInstance) -> None:
    instance.create_run_for_job(JOB)
    log = instance.event_log_storage
    assert isinstance(log, OpenEventLog)
    for engine in log._engines.values():
        with engine.connect() as connection:
            assert connection.scalar(sa.text("pragma journal_mode")) == "wal"
            assert connection.scalar(sa.text("pragma synchronous")) == 1
