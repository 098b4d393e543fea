"""`warehouse dagster`: web server and daemon on this machine, started and stopped together."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from types import FrameType

import yaml

from orchestration.errors import WarehouseError
from orchestration.settings import PROJECT_ROOT, Settings

# A build that is interrupted gets this long to end its statement and say so.
PATIENCE_SECONDS = 30
Progress = Callable[[str], None]


def run(
    settings: Settings,
    *,
    port: int = 3000,
    host: str = "127.0.0.1",
    progress: Progress = print,
) -> int:
    """Serve the UI until Ctrl-C or SIGTERM; returns 0, or Dagster's exit code when it fails.

    WarehouseError when the port is taken or Dagster already runs for this engine.
    """
    check_port(host, port)
    home = dagster_home(settings)
    with only_one(home, settings):
        progress("preparing dbt's manifest …")
        environment = prepare(settings)
        progress(f"starting Dagster: http://{host}:{port} (Ctrl-C stops it) …")
        return serve(environment, host, port)


def dagster_home(settings: Settings) -> Path:
    """Run history and schedule states of one engine."""
    return settings.local_dir / "dagster" / settings.target


def prepare(settings: Settings) -> dict[str, str]:
    """Make the manifest and DAGSTER_HOME; returns the environment for Dagster."""
    from orchestration.manifest import is_stale, parsed_for, prepare_manifest

    if settings.on_spark:
        from orchestration.spark.session import require

        require()
    for each in parsed_for(settings):
        if is_stale(each):
            prepare_manifest(each)
    home = make_home(settings)
    return {
        **settings.child_environment(),
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }


def make_home(settings: Settings) -> Path:
    """DAGSTER_HOME with our settings, the machine's own in storage.yaml, and the pools."""
    # Dagster takes two seconds to import; the command line should not wait for it elsewhere.
    from dagster import DagsterInstance

    from orchestration.resources import DUCKDB_POOL, MYSQL_POOL, SPARK_POOL

    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    text = (files("orchestration") / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    if (own := home / "storage.yaml").exists():
        text += f"\n{own.read_text(encoding='utf-8')}"
    if "storage" not in yaml.safe_load(text):
        text += f"\n{yaml.safe_dump({'storage': {'custom': _open_storage(home)}})}"
    (home / "dagster.yaml").write_text(text, encoding="utf-8")
    # Before the daemon's first run: a default limit is not applied to a pool nobody knows yet.
    with DagsterInstance.from_config(str(home)) as instance:
        for pool in (DUCKDB_POOL, MYSQL_POOL, *([SPARK_POOL] if settings.on_spark else [])):
            instance.event_log_storage.set_concurrency_slots(pool, 1)
    return home


def _open_storage(home: Path) -> dict[str, object]:
    return {
        "module": "orchestration.dagster_storage",
        "class": "OpenSqliteStorage",
        "config": {"base_dir": str(home)},
    }


def serve(environment: dict[str, str], host: str, port: int) -> int:
    """Run `dagster dev` in a session of its own and end the whole session with it.

    Its own children (code servers, runs, their dbt) can outlive it and hold the port and the
    DuckDB file; they all share its process group.
    """
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "orchestration.definitions"]
    stopped = False
    process: subprocess.Popen[bytes] | None = None

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        # To the leader alone: it tells web server and daemon over a pipe to close what they hold.
        if process is not None:
            process.send_signal(signal.SIGINT)

    # Our handlers stand before the child starts: a shell's `&` makes children ignore SIGINT.
    with _signals(stop):
        process = subprocess.Popen(
            [*command, "--host", host, "--port", str(port), "--log-level", "warning"],
            cwd=PROJECT_ROOT,
            env=environment,
            start_new_session=True,
        )
        try:
            while process.poll() is None and not stopped:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1)
        finally:
            end_group(process)
    return 0 if stopped else process.returncode


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Wait for the session's leader, then end whatever is left of its group."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=PATIENCE_SECONDS)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(50):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                return
            time.sleep(0.2)


def check_port(host: str, port: int) -> None:
    """WarehouseError when something else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WarehouseError(
                f"Port {port} on {host} cannot be used: {error.strerror}.",
                fix=f"stop what listens there, or choose another: "
                f"`warehouse dagster --port {port + 1}`.",
            ) from error


@contextlib.contextmanager
def only_one(home: Path, settings: Settings) -> Iterator[None]:
    """Hold DAGSTER_HOME: two daemons on it would start every scheduled run twice."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip()
            raise WarehouseError(
                f"Dagster already runs for {settings.target} (process {holder}).",
                fix=f"use that one, or stop it: `kill {holder}`.",
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


@contextlib.contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
