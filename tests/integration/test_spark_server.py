"""dbt on a Spark Thrift server, whose catalog is a Hive metastore: DuckDB's answers again.

Both come with pyspark and run on this machine. Skipped without Spark (`make setup-spark`), Java or
PyHive (`pip install 'dbt-spark[PyHive]' thrift_sasl pure-sasl`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import spark_world
from conftest import _own_environment
from test_spark import differences, duckdb_contents
from test_spark_cluster import answers, end, free_port, start, wait_until
from warehouses import AS_OF

from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.spark.session import SESSION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# Cut into days and made anew; nothing masked, for which a server has no function.
MODELS = ("ai_agent_daily", "ai_agent_statistics")
SELECT = " ".join(f"+{name}" for name in MODELS)
MASKED = "fct_conversations"


@contextmanager
def server(folder: Path, warehouse: Path) -> Iterator[dict[str, str]]:
    """A metastore and a Thrift server; what the environment says of them."""
    folder.mkdir()
    catalog, port = free_port(), free_port()
    url = f"thrift://127.0.0.1:{catalog}"
    defaults = SESSION | {
        "spark.master": "local[1]",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(warehouse),
        "spark.local.dir": str(folder),
        "spark.hadoop.hive.metastore.uris": url,
    }
    lines = [f"{name} {value}\n" for name, value in defaults.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    derby = f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"
    running = []
    try:
        running.append(
            start(
                folder, "metastore", "org.apache.hadoop.hive.metastore.HiveMetaStore",
                "-p", str(catalog), *_hive("javax.jdo.option.ConnectionURL", derby),
                *_hive("datanucleus.schema.autoCreateAll", "true"),
                *_hive("hive.metastore.schema.verification", "false"),
                *_hive("hive.metastore.warehouse.dir", str(warehouse)),
                # its logging wants a library that pyspark leaves out
                *_hive("hive.async.log.enabled", "false"),
            )
        )  # fmt: skip
        _wait(running[-1], catalog)
        running.append(
            start(
                folder, "server", "org.apache.spark.deploy.SparkSubmit",
                "--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
                "spark-internal", *_hive("hive.server2.thrift.port", str(port)),
                *_hive("hive.server2.thrift.bind.host", "127.0.0.1"), memory="1g",
            )
        )  # fmt: skip
        _wait(running[-1], port)
        yield {
            "WAREHOUSE_SPARK_METHOD": "thrift",
            "WAREHOUSE_SPARK_HOST": "127.0.0.1",
            "WAREHOUSE_SPARK_PORT": str(port),
            "WAREHOUSE_SPARK_METASTORE": url,
        }
    finally:
        for process in reversed(running):
            end(process)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    wait_until(lambda: answers(port) or process.poll() is not None, 240)
    assert process.poll() is None, "see its log"


def _hive(name: str, value: str) -> tuple[str, str]:
    return "--hiveconf", f"{name}={value}"


def build(settings: Settings, select: str, **more: str) -> subprocess.CompletedProcess[str]:
    words, variables = spark_world.command(settings, "--select", select, **more)
    return subprocess.run(
        words, env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )


def test_a_server_builds_duckdbs_rows(tmp_path: Path) -> None:
    """Whole, then the window again; what it cannot build is told."""
    spark_world.needs_spark()
    for name in ("pyhive", "thrift_sasl"):
        pytest.importorskip(name, reason="`pip install 'dbt-spark[PyHive]' thrift_sasl pure-sasl`")
    settings = load_settings(_own_environment(tmp_path, WAREHOUSE_DOMAINS="ai"))
    settings = spark_world.with_lake(settings, tmp_path)
    settings = spark_world.deployed(settings, tmp_path / "sample", AS_OF)
    spark_world.build_duckdb(settings, SELECT)
    spark_world.fill_lake(settings)
    with server(tmp_path / "server", settings.spark_dir / "warehouse") as told:
        for select in (SELECT, " ".join(MODELS)):
            done = build(settings, select, **told)
            assert done.returncode == 0, done.stdout + done.stderr
        wanted = duckdb_contents(settings, MODELS)
        catalog = {"WAREHOUSE_SPARK_METASTORE": told["WAREHOUSE_SPARK_METASTORE"]}
        reading = replace(settings, environment=settings.environment | catalog)
        assert differences(wanted, spark_world.read(reading, wanted)) == []
        refused = build(settings, f"+{MASKED}", **told)
        assert refused.returncode == 1
        assert "Cannot resolve function `warehouse_" in refused.stderr
