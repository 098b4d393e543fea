"""This process's Spark session: its settings, where it keeps things, what must be there for it."""

from __future__ import annotations

import hmac
import os
import shutil
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from platform import node
from typing import Any

from orchestration.errors import WarehouseError
from orchestration.settings import Settings, one_of

# How dbt reaches Spark, and what it imports for that.
METHODS = {"session": ("pyspark",), "thrift": ("pyhive", "thrift_sasl")}
# Wall clock without a zone throughout, as in the databases; errors where a value does not fit.
SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    "spark.sql.legacy.createHiveTableByDefault": "false",
    # Partitions are the folders that there are; a catalog that counts them too takes minutes.
    "spark.sql.hive.manageFilesourcePartitions": "false",
    # With it, Spark 3.5 cannot plan health_statistics (an error in the constraints of unions).
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.mapKeyDedupPolicy": "EXCEPTION",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
# For one machine; a cluster's own come from spark-defaults.conf (SPARK_CONF_DIR).
LAPTOP = {
    "spark.driver.memory": "3g",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Folders of days are listed here: a job with a task for each takes longer.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
_LOCK = threading.Lock()


def folder(settings: Settings) -> Path:
    """Where Spark keeps its tables, its catalog and what it opened."""
    return settings.spark_dir


def require(environment: Mapping[str, str] = os.environ) -> None:
    """WarehouseError that says what is missing for Spark to start here, or to be reached."""
    missing = [name for name in ("pyspark", "dbt.adapters.spark") if not _is_there(name)]
    if missing:
        raise WarehouseError(
            f"Spark is not installed: {' and '.join(missing)} cannot be imported.",
            fix="run `make setup-spark`, which adds it to .venv.",
        )
    method = environment.get("WAREHOUSE_SPARK_METHOD") or "session"
    needed = METHODS[one_of("WAREHOUSE_SPARK_METHOD", method, tuple(METHODS))]
    if not all(map(_is_there, needed)):
        raise WarehouseError(
            f"WAREHOUSE_SPARK_METHOD={method} needs {' and '.join(needed)}, which cannot be "
            "imported.",
            # by name: pip 23.2 does not find PyHive's own extra for them
            fix="run `.venv/bin/python -m pip install 'dbt-spark[PyHive]' thrift_sasl pure-sasl`; "
            "no lock has them.",
        )
    if method != "session" and not environment.get("WAREHOUSE_SPARK_METASTORE"):
        raise WarehouseError(
            f"WAREHOUSE_SPARK_METHOD={method} builds where another server keeps the catalog, and "
            "WAREHOUSE_SPARK_METASTORE is not set: the lake's tables would not be seen there.",
            fix="set it to that server's Hive metastore, as in thrift://host:9083.",
        )
    if not (shutil.which("java") or _java_home()):
        raise WarehouseError(
            "Spark needs Java, and there is no `java` on the PATH and no JAVA_HOME.",
            fix="install a Java 17 runtime (Debian: apt-get install openjdk-17-jre-headless).",
        )


def session(settings: Settings) -> Any:
    """This process's Spark session, started on first use."""
    require(settings.environment)
    from pyspark.sql import SparkSession

    with _LOCK:
        if (known := SparkSession.getActiveSession() or SparkSession._instantiatedSession) is None:
            place = folder(settings)
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o700)
            builder = SparkSession.builder.appName("warehouse").enableHiveSupport()
            for name, value in {**SESSION, **_where(settings, place)}.items():
                builder = builder.config(name, value)
            known = builder.getOrCreate()
            known.sparkContext.setLogLevel("ERROR")
            _add_mask(known, settings)
            if known.sparkContext.master.startswith("local"):
                _write_no_checksums(known)
        return known


def check_server(session: Any) -> None:
    """WarehouseError where a server's session has not the settings that the models rely on."""
    wrong = []
    for name, wanted in SESSION.items():
        if name.startswith("spark.sql."):
            session.execute(f"set {name}")
            if str(session.fetchall()[0][1]).lower() != wanted.lower():
                wrong.append(f"{name}={wanted}")
    if wrong:
        raise WarehouseError(
            "The Spark server's sessions have other settings than the models rely on.",
            fix=f"put into the server's spark-defaults.conf: {', '.join(wrong)}.",
        )


def stop() -> None:
    """End the session, if there is one, so that another folder can be opened."""
    if not _is_there("pyspark"):
        return
    from pyspark.sql import SparkSession

    with _LOCK:
        if (known := SparkSession._instantiatedSession) is not None:
            known.stop()


def _where(settings: Settings, place: Path) -> dict[str, str]:
    master = settings.environment.get("WAREHOUSE_SPARK_MASTER") or "local[2]"
    if server := settings.environment.get("WAREHOUSE_SPARK_METASTORE"):
        catalog = {"spark.hadoop.hive.metastore.uris": server}
    else:
        derby = f"jdbc:derby:;databaseName={place / 'metastore'};create=true"
        catalog = {"spark.hadoop.javax.jdo.option.ConnectionURL": derby}
    return {
        "spark.master": master,
        "spark.sql.warehouse.dir": str(place / "warehouse"),
        **catalog,
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={place / 'derby.log'}"
        f" -Djava.io.tmpdir={scratch_folder(place)}",
        **(LAPTOP if master.startswith("local") else {}),
    }


def scratch_folder(place: Path) -> Path:
    """What this process's Java puts aside goes here; what killed ones left is cleared away."""
    home = place / "scratch"
    for left in home.glob("*"):
        machine, _, process = left.name.rpartition("-")
        if machine == node() and not _is_running(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    own = home / f"{node()}-{os.getpid()}"
    own.mkdir(parents=True, exist_ok=True)
    return own


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _write_no_checksums(spark: Any) -> None:
    """No hidden file of checksums beside each on a local disk, where a table has a folder a day.

    For each file that it writes there Hadoop starts a `chmod`, which takes longer than the rows.
    """
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    spark._jvm.org.apache.hadoop.fs.FileSystem.getLocal(hadoop).setWriteChecksum(False)


def _add_mask(spark: Any, settings: Settings) -> None:
    """The function behind mask_hash: HMAC-SHA-256, whose key is in no SQL and in no plan."""
    from pyspark.sql.types import StringType

    key = settings.mask_key.encode()

    def masked(text: str | None) -> str | None:
        return None if text is None else hmac.new(key, text.encode(), "sha256").hexdigest()

    spark.udf.register("warehouse_mask", masked, StringType())


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _java_home() -> bool:
    return bool(home := os.environ.get("JAVA_HOME")) and (Path(home) / "bin" / "java").exists()
