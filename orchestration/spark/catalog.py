"""The lake's tables in Spark's catalog: external tables (or a view over two) of the same names."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from orchestration.errors import WarehouseError
from orchestration.lake.days import Day, read_day
from orchestration.retention.archive import archive_url
from orchestration.retention.policy import sealed_columns
from orchestration.settings import Settings
from orchestration.spark.session import folder, require, session
from orchestration.spark.sources import PART, Source, columns_of, sources

LAKE = "lake"
Progress = Callable[[str], None]
_PREPARING = threading.Lock()


def open_session(settings: Settings, is_here: bool = True) -> None:
    """For dbt's own process; with PREPARE_SPARK_SOURCES the lake's last day is registered too.

    Where dbt goes to a server (`is_here` False), a session here is for registering alone.
    """
    with _PREPARING:
        if is_here:
            session(settings)
        if os.environ.get("PREPARE_SPARK_SOURCES"):
            prepare(settings)
            del os.environ["PREPARE_SPARK_SOURCES"]  # once, not for each of dbt's threads


def prepare(settings: Settings, progress: Progress = lambda _: None) -> Day:
    """Register the lake's tables as of its last day, which is returned.

    What has the same columns and files as at the last time is left as it stands.
    """
    require()
    day = read_day(settings)
    file = folder(settings) / "registered.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    has_catalog = (folder(settings) / "metastore").exists() or bool(
        settings.environment.get("WAREHOUSE_SPARK_METASTORE")
    )
    changed: dict[str, Source] = {}
    for source in sources(settings, day):
        key = f"{_schema(settings, source)}.{source.table.name}"
        if not has_catalog or known.get(key) != source.told:
            changed[key] = source
    if changed:
        register(settings, list(changed.values()))
        aside = file.with_suffix(".aside")
        aside.write_text(json.dumps(known | {key: one.told for key, one in changed.items()}))
        aside.rename(file)
        rows = sum(source.rows for source in changed.values())
        progress(f"  {len(changed)} tables of the lake's day {day.day}: {rows:,} rows")
    return day


def register(settings: Settings, changed: Sequence[Source]) -> None:
    """Put tables anew into Spark's catalog; their rows are the lake's files, counted once."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    spark = session(settings)
    for schema in {settings.database_prefix + LAKE, *(_schema(settings, one) for one in changed)}:
        spark.sql(f"create database if not exists `{schema}`")
    try:
        names = {_register(settings, spark, source): source for source in changed}
        counts = _counts(spark, names)
    except (PySparkException, Py4JError) as error:
        raise WarehouseError(
            f"Spark cannot read the lake {archive_url(settings)}: {_cause(error)}",
            fix="see that Spark's machines reach it; for another scheme than file:// Hadoop's "
            "connector belongs into spark.jars.packages (spark-defaults.conf).",
        ) from error
    for name, source in names.items():
        if (found := counts.get(name, 0)) != source.rows:
            raise WarehouseError(
                f"Spark sees {found:,} rows of {source.table.name} where the lake's manifests have "
                f"{source.rows:,}.",
                fix="let `warehouse lake sync --full` end, and see whether Spark's machines reach "
                f"{source.folder}.",
            )


def _cause(error: Exception) -> str:
    """The sentence of the Java exception, without where it comes from."""
    java = getattr(error, "java_exception", None)
    return str(java.toString() if java is not None else error).strip().partition("\n")[0]


def _counts(spark: Any, names: Mapping[str, Source]) -> Mapping[str, int]:
    """Rows by table, as Spark's machines read them.

    A query a table takes Spark longer than all rows: so the files that the catalog finds for the
    tables are counted in one. Views leave out months of which the files know nothing.
    """
    from pyspark.sql import functions

    found = {name: spark.table(name).count() for name, source in names.items() if source.months}
    owners = {
        unquote(file): name
        for name in names.keys() - found.keys()
        for file in spark.table(name).inputFiles()
    }
    if owners:
        rows = spark.read.schema("nothing string").parquet(*owners)
        for file, count in rows.groupBy(functions.input_file_name()).count().collect():
            owner = owners[unquote(file)]
            found[owner] = found.get(owner, 0) + count
    return found


def _schema(settings: Settings, source: Source) -> str:
    return f"{settings.database_prefix}{source.table.database}"


def _register(settings: Settings, spark: Any, source: Source) -> str:
    name = f"`{_schema(settings, source)}`.`{source.table.name}`"
    columns = columns_of(source.table)
    cut = bool(sealed_columns(source.table))
    if not source.months:
        _forget(spark, name)
        _external(spark, name, columns, source.folder, PART if cut else "")
        return name
    parts = [
        f"`{settings.database_prefix}{LAKE}`.`{source.table.name}_{p}`" for p in ("months", "day")
    ]
    for part, where, cut_on in zip(
        parts, (source.months, source.folder), ("month", ""), strict=True
    ):
        spark.sql(f"drop table if exists {part}")
        _external(spark, part, columns, where, cut_on)
    names = ", ".join(columns)
    _forget(spark, name)
    spark.sql(
        f"create view {name} as select {names} from {parts[0]} where month < '{source.before}'"
        f" union all select {names} from {parts[1]}"
    )
    return name


def _forget(spark: Any, name: str) -> None:
    """Whether it was a view or a table: a table gets months in time."""
    if spark.catalog.tableExists(name):
        kind = spark.catalog.getTable(name).tableType
        spark.sql(f"drop {'view' if kind == 'VIEW' else 'table'} {name}")


def _external(spark: Any, name: str, columns: Mapping[str, str], where: str, cut_on: str) -> None:
    typed = [f"{column} {kind}" for column, kind in columns.items()]
    typed += [f"{cut_on} string"] if cut_on else []
    spark.sql(
        f"create table {name} ({', '.join(typed)}) using parquet"
        + (f" partitioned by ({cut_on})" if cut_on else "")
        + f" location '{_text(where)}'"
    )


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
