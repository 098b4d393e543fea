"""Spark on several processes: a master and two workers on this machine, one killed amid a build.

The build goes on with the other one and ends with DuckDB's answers. Skipped without Spark (`make
setup-spark`) or Java.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import spark_world
from conftest import _own_environment
from test_spark import differences, duckdb_contents
from warehouses import AS_OF

from orchestration.settings import PROJECT_ROOT, Settings, load_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# Masked facts, so that executors run our function, and figures by day.
MODELS = ("fct_logins", "fct_audit_events", "saas_security_daily")
SELECT = " ".join(f"+{name}" for name in MODELS)
# What docs/scaling.md leaves to SPARK_CONF_DIR.
DEFAULTS = """
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.driver.memory 1g
spark.executor.memory 1g
spark.sql.shuffle.partitions 4
"""


@dataclass
class Cluster:
    """The master, and the workers with all that they start, each in a process group of its own."""

    folder: Path
    port: int
    page: int
    processes: list[subprocess.Popen[bytes]]

    def start(self, name: str, kind: str, *arguments: str) -> None:
        """One of Spark's own processes."""
        main = f"org.apache.spark.deploy.{kind}"
        self.processes.append(start(self.folder, name, main, "--host", "127.0.0.1", *arguments))

    def workers(self) -> list[dict[str, Any]]:
        """The workers that the master takes for alive."""
        with suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/json/", timeout=5) as told:
                known = json.load(told)["workers"]
            return [worker for worker in known if worker["state"] == "ALIVE"]
        return []

    def kill_worker(self) -> None:
        """Worker and executor at once, as when a machine goes down."""
        victim = self.processes.pop()
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()


def start(
    folder: Path, name: str, main: str, *arguments: str, memory: str = "256m"
) -> subprocess.Popen[bytes]:
    """A Java class of pyspark's, with Spark's settings in the folder, and its log."""
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_DAEMON_MEMORY": memory,
        "SPARK_LOCAL_IP": "127.0.0.1",
        # what it puts aside, a folder for each session of a server, stays with the test
        "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={folder}",
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            ["bash", str(home / "bin" / "spark-class"), main, *arguments],
            env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


@contextmanager
def two_workers(folder: Path) -> Iterator[Cluster]:
    folder.mkdir()
    (folder / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    cluster = Cluster(folder, free_port(), free_port(), [])
    try:
        cluster.start("master", "master.Master", "--port", str(cluster.port),
                      "--webui-port", str(cluster.page))  # fmt: skip
        wait_until(lambda: answers(cluster.page), 120)
        for name in ("one", "two"):
            cluster.start(name, "worker.Worker", "--cores", "1", "--memory", "1g",
                          "--webui-port", "0", "--work-dir", str(folder / name),
                          f"spark://127.0.0.1:{cluster.port}")  # fmt: skip
        wait_until(lambda: len(cluster.workers()) == 2, 120)
        yield cluster
    finally:
        for process in reversed(cluster.processes):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """The process and its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    """AssertionError when the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def _written(settings: Settings) -> set[str]:
    """The models with a part on disk."""
    return {name for name, parts in spark_world.folders(settings).items() if parts} & set(MODELS)


def test_a_build_outlives_a_worker(tmp_path: Path) -> None:
    spark_world.needs_spark()
    settings = load_settings(_own_environment(tmp_path, WAREHOUSE_DOMAINS="core"))
    settings = spark_world.with_lake(settings, tmp_path)
    settings = spark_world.deployed(settings, tmp_path / "sample", AS_OF)
    spark_world.build_duckdb(settings, SELECT)
    spark_world.fill_lake(settings)
    said = tmp_path / "build.log"
    with two_workers(tmp_path / "cluster") as cluster:
        words, variables = spark_world.command(
            settings, "--select", SELECT,
            WAREHOUSE_SPARK_MASTER=f"spark://127.0.0.1:{cluster.port}",
            SPARK_CONF_DIR=str(cluster.folder), SPARK_LOCAL_IP="127.0.0.1",
        )  # fmt: skip
        with said.open("wb") as log:
            build = subprocess.Popen(
                words, env=variables, cwd=PROJECT_ROOT, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            wait_until(lambda: build.poll() is not None or bool(_written(settings)), 1500)
            assert build.poll() is None, said.read_text("utf-8")
            assert [worker["coresused"] for worker in cluster.workers()] == [1, 1]
            assert _written(settings) < set(MODELS)
            cluster.kill_worker()
            assert build.wait(1500) == 0, said.read_text("utf-8")
        finally:
            end(build)
        assert "Lost executor" in said.read_text("utf-8")
        assert len(cluster.workers()) == 1
    wanted = duckdb_contents(settings, MODELS)
    assert differences(wanted, spark_world.read(settings, wanted)) == []
