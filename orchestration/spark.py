"""Spark over the lake: its session, the lake's tables as its sources, and dbt's build on them.

The lake is what `warehouse lake sync --full` wrote, from either engine: closed months, and the last
day for the rest. Each application table becomes an external table (or a view over two) of the same
name. Sealed files of tables with sensitive columns are opened into Spark's own folder, which is a
database's folder like MySQL's: only its user may read it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from platform import node
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from orchestration.dbt_project import BUILT, BuildResult, dbt_arguments, run_dbt, summarise
from orchestration.errors import WarehouseError
from orchestration.lake.days import Day, DayArchive, day_tables, read_day, sync_day
from orchestration.retention.archive import Archive, Manifest, batch_of, lake_type
from orchestration.retention.policy import sealed_columns
from orchestration.retention.rows import CHUNK_ROWS
from orchestration.schema.record import Column, Table
from orchestration.settings import Settings, development_archive_key, one_of, parse_as_of

TARGET = "spark"
LAKE = "lake"
PART = "lake_part"
# How dbt reaches Spark, and what it imports for that.
METHODS = {"session": "pyspark", "thrift": "pyhive"}
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
}
Progress = Callable[[str], None]
_LOCK, _PREPARING = threading.Lock(), threading.Lock()


@dataclass(frozen=True)
class Source:
    """A table as Spark reads it: a folder of Parquet, and another one's months before `before`."""

    table: Table
    rows: int
    folder: str
    months: str = ""
    before: str = ""
    files: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What must be the same for the table to stay as it is registered."""
        parts = (self.rows, self.folder, self.months, self.before, self.files)
        return repr((_columns(self.table), parts))


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
    if not _is_there(METHODS[one_of("WAREHOUSE_SPARK_METHOD", method, tuple(METHODS))]):
        raise WarehouseError(
            f"WAREHOUSE_SPARK_METHOD={method} needs {METHODS[method]}, which cannot be imported.",
            fix="run `.venv/bin/python -m pip install 'dbt-spark[PyHive]'`; no lock has it.",
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
        return known


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


def sources(settings: Settings, day: Day) -> Iterator[Source]:
    """Every table's folders; what is sealed is opened on the way."""
    months = Archive(settings)
    of = date.fromisoformat(day.day)
    today = DayArchive(settings, of, day.run)
    for table in day_tables(settings):
        if table.name not in day.tables:
            raise WarehouseError(
                f"The lake's day {day.day} has no {table.name}.",
                fix="run `warehouse lake sync --full` with the domains that are built here.",
            )
        known = {
            month: manifest
            for month in (months.months(table) if table.retention else ())
            if month < date.fromisoformat(day.open_from) and (manifest := months.peek(table, month))
        }
        rows = day.tables[table.name].rows + sum(found.rows for found in known.values())
        if sealed_columns(table):
            copies = [_opened(settings, months, table, m, found) for m, found in known.items()]
            copies.append(_opened(settings, today, table, of, day.tables[table.name]))
            _forget_others(copies)
            files = tuple(copy.name for copy in copies)
            yield Source(table, rows, f"file://{copies[0].parent}", files=files)
        else:
            where = _url(months, f"{months.root}/{table.name}") if known else ""
            yield Source(table, rows, _url(today, today.folder(table)), where, day.open_from[:7])


def _opened(
    settings: Settings, archive: Archive, table: Table, of: date, manifest: Manifest
) -> Path:
    """A part with its sealed columns, copied once into Spark's own folder."""
    told = f"{archive.url} {manifest.checksum} {manifest.columns}"
    known = hashlib.sha256(told.encode()).hexdigest()[:24]
    kind = "day" if isinstance(archive, DayArchive) else "month"
    place = folder(settings) / "opened" / table.name / f"{PART}={kind}-{manifest.month}-{known}"
    if not place.exists():
        aside = place.with_name(f"_{place.name}.aside")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(table, archive.rows(table, of, manifest), aside / "data.parquet")
        aside.rename(place)
    return place


def _write(table: Table, rows: Iterator[Any], file: Path) -> None:
    """All columns but the secret ones, which no model reads."""
    import pyarrow.parquet as pq

    columns = table.stored_columns
    shown = [i for i, c in enumerate(columns) if c.classification != "secret"]
    times = [c.base_type == "time" for c in columns]
    schema = pa.schema([(columns[i].name, lake_type(columns[i])) for i in shown])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            writer.write_batch(batch_of(list(zip(*chunk, strict=True)), shown, times, schema))


def _forget_others(copies: list[Path]) -> None:
    """Copies of a table's parts that were renewed since, or left by a killed run."""
    for other in set(copies[0].parent.iterdir()) - set(copies):
        shutil.rmtree(other)


def _url(archive: Archive, where: str) -> str:
    # not as_uri(): Spark takes `day%3D2026-06-30` for a folder that is not there, and empty
    return (
        f"file://{where}"
        if archive.fs.protocol[0] == "file"
        else archive.fs.unstrip_protocol(where)
    )


def register(settings: Settings, changed: Sequence[Source]) -> None:
    """Put tables anew into Spark's catalog; their rows are the lake's files, counted once."""
    spark = session(settings)
    for schema in {settings.database_prefix + LAKE, *(_schema(settings, one) for one in changed)}:
        spark.sql(f"create database if not exists `{schema}`")
    names = {_register(settings, spark, source): source for source in changed}
    counts = _counts(spark, names)
    for name, source in names.items():
        if (found := counts.get(name, 0)) != source.rows:
            raise WarehouseError(
                f"Spark sees {found:,} rows of {source.table.name} where the lake's manifests have "
                f"{source.rows:,}.",
                fix="let `warehouse lake sync --full` end, and see whether Spark's machines reach "
                f"{source.folder}.",
            )


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
    columns = _columns(source.table)
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


def _columns(table: Table) -> dict[str, str]:
    shown = [c for c in table.stored_columns if c.classification != "secret"]
    return {f"`{c.name}`": spark_type(c) for c in shown}


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def spark_type(column: Column) -> str:
    """The type in which Spark reads the lake's column."""
    kind = lake_type(column)
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    names = {
        pa.bool_(): "boolean", pa.int32(): "int", pa.int64(): "bigint", pa.date32(): "date",
        pa.timestamp("us"): "timestamp_ntz", pa.float64(): "double",
    }  # fmt: skip
    return names.get(kind, "string")


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


def build(
    settings: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    variables: Mapping[str, Any] | None = None,
    progress: Progress = print,
) -> BuildResult:
    """Seeds, snapshots and models on the lake's last day, as of its moment; no tests of dbt's.

    `settings` name the lake (its engine's, or WAREHOUSE_ARCHIVE_URL) and, if set, another clock.
    """
    started = time.monotonic()
    day = prepare(settings, progress)
    at = at_day(settings, day)
    kinds = [word for kind in BUILT for word in ("--resource-type", kind)]
    refresh = ["--full-refresh"] if full_refresh else []
    arguments = dbt_arguments(
        ["build", "--quiet", *kinds, *refresh],
        target=TARGET,
        target_path=settings.local_dir / "target" / TARGET,
        select=select,
        variables=variables,
    )
    result = run_dbt(at, arguments)
    return summarise(result.results if result else [], time.monotonic() - started)


def at_day(settings: Settings, day: Day) -> Settings:
    """The settings with the clock of the lake's day, unless they have another."""
    return replace(settings, as_of=settings.as_of or parse_as_of(day.as_of))


def renew_reader(
    settings: Settings, tests: bool, select: str | None, progress: Progress
) -> list[str]:
    """DuckDB's file over what was just built (and parsed for that); what dbt's tests found."""
    from orchestration import spark_reader
    from orchestration.ab_tests import refresh_ab_test_results

    progress("making DuckDB's views over it" + (", and running dbt's tests …" if tests else " …"))
    day = read_day(settings)
    here = replace(at_day(settings, day), engine=TARGET)
    parsed = settings.local_dir / "target" / TARGET / "manifest.json"
    refresh_ab_test_results(here)
    manifest = json.loads(parsed.read_text(encoding="utf-8"))
    return spark_reader.renew(here, manifest, day, tests, select)


def run_demo(
    settings: Settings, *, scale: str, seed: int, say: Progress, progress: Progress
) -> int:
    """Sample data on DuckDB, from there to the lake, and the models on Spark; 1 if one failed."""
    from orchestration.demo import load_sample
    from orchestration.lake.fresh import write_months

    require()
    development_archive_key(settings.local_dir)
    settings = with_archive_key(settings)
    settings, _ = load_sample(settings, scale, seed, {}, progress)
    progress("filling the lake (months, then the day) …")
    write_months(settings)
    sync_day(settings)
    # for the suites: rows reach to the end of the demo's last day
    stamp = settings.local_dir / f"demo-{TARGET}.json"
    stamp.write_text(json.dumps({"as_of": str(settings.as_of)}))
    progress("building on Spark (seeds, snapshots, models) …")
    return build_and_tell(settings, tests=True, suites=True, say=say, progress=progress)


def with_archive_key(settings: Settings) -> Settings:
    """The settings, with the demo's key where none is given and the demo has made one."""
    environment = dict(settings.environment)
    if (
        not environment.get("WAREHOUSE_ARCHIVE_KEY")
        and (settings.local_dir / "archive_key").exists()
    ):
        environment["WAREHOUSE_ARCHIVE_KEY"] = development_archive_key(settings.local_dir)
    return replace(settings, environment=environment)


def build_and_tell(
    settings: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    reader: bool = True,
    tests: bool = False,
    suites: bool = False,
    say: Progress,
    progress: Progress,
) -> int:
    """The same for a person, with its failures and a closing screen; 1 if something failed.

    Then DuckDB's file of views over it, unless `reader` is False; dbt's tests and the quality
    suites on that file if they are asked for.
    """
    settings = with_archive_key(settings)
    built = build(settings, select=select, full_refresh=full_refresh, progress=progress)
    failed: list[str] = []
    if reader:
        failed = renew_reader(settings, tests and built.success, select, progress)
    for failure in (*built.failures, *failed):
        progress(f"failed: {' '.join(failure.split())[:300]}")
    say(summary(settings, read_day(settings), built))
    held = suites_hold(settings, say, progress) if suites and built.success else True
    return 0 if built.success and held and not failed else 1


def suites_hold(settings: Settings, say: Progress, progress: Progress) -> bool:
    """Whether what stands there is as the quality suites expect; what they found is said."""
    from orchestration.validation import validate

    progress("validating (Great Expectations) …")
    report = validate(
        replace(at_day(settings, read_day(settings)), engine=TARGET).reading, keep=True
    )
    say(report.summary())
    return report.success


def summary(settings: Settings, day: Day, built: BuildResult) -> str:
    """The closing screen of a build."""
    kinds = ", ".join(f"{n} {kind}s" for kind, n in sorted(built.built.items()))
    return (
        f"The warehouse stands on Spark ({folder(settings)}), as of the lake's day {day.day}: "
        f"{kinds or 'nothing'} in {built.seconds:.0f} s, {len(built.failures)} failed.\n"
        f"Its tables are Parquet under {folder(settings) / 'warehouse'}; `warehouse query --target "
        f"{TARGET}`, `validate`, `report` and `docs` read them with DuckDB."
    )
