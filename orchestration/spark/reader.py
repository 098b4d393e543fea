"""DuckDB over what Spark built: one file of views, for suites, dbt's tests, queries and pages.

Tables are views over Spark's Parquet and sources views over the lake's, in the types that DuckDB's
own build has; staging and `v_*` are DuckDB's views, which dbt makes. The file is made beside the
one before and renamed over it: who reads goes on with the old one. It keeps nothing but the rows
that dbt's warnings store (`warehouse_audit`), which are taken along.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration import database
from orchestration.ab_tests import RESULTS
from orchestration.errors import WarehouseError
from orchestration.lake.days import Day, manifest_of, read_day
from orchestration.manifest import Manifest, dbt_process
from orchestration.retention.archive import Archive
from orchestration.schema.metadata import duckdb_type
from orchestration.schema.record import WAREHOUSE_DATABASES, Column, load_record
from orchestration.settings import DATABASES, Settings
from orchestration.spark.sources import PART, Source, sources

Progress = Callable[[str], None]
KEPT = "warehouse_audit"
# Folders of partitions without a value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
STORED = ("model", "seed", "snapshot")


def begin(settings: Settings, manifest: Manifest, day: Day) -> Settings:
    """The settings of the file to come, with its sources and tables; `publish` ends it."""
    reader = settings.reading
    aside = reader.duckdb_path.parent / "next" / reader.duckdb_path.name
    aside.parent.mkdir(parents=True, exist_ok=True)
    for left in aside.parent.iterdir():
        left.unlink()
    with database.friendly_errors(reader), duckdb.connect(str(aside)) as connection:
        for name in (*DATABASES.values(), *WAREHOUSE_DATABASES):
            connection.execute(f"create schema {_name(database.database_name(settings, name))}")
        _take_along(connection, settings, reader.duckdb_path)
        for source in sources(settings, day):
            home = database.database_name(settings, source.table.database)
            _view(connection, home, source.table.name, _source(connection, source))
        for node in stored_nodes(manifest):
            if rows := _table(connection, node, table_folder(settings, node)):
                _view(connection, node["schema"], node["alias"], rows)
        for home, name, rows in _computed(connection, settings):
            _view(connection, home, name, rows)
    return replace(reader, duckdb_path=aside)


def publish(settings: Settings, aside: Settings) -> Path:
    """Put the finished file in the place of the one before."""
    return aside.duckdb_path.replace(settings.reading.duckdb_path)


def renew(
    settings: Settings, manifest: Manifest, day: Day, tests: bool = False, select: str | None = None
) -> list[str]:
    """Make the file anew, in processes of their own; what dbt's tests found, if they are to run.

    With a selection these are the tests of what it selects and of nothing that stands beside it.
    """
    aside = begin(settings, manifest, day)
    run_dbt(aside, ["run", "--quiet", "--select", *view_names(manifest, settings)])
    found: list[str] = []
    if tests:
        try:
            run_dbt(aside, ["test", "--quiet", *_selected(select)])
        except WarehouseError as error:
            found = [error.message]
    publish(settings, aside)
    return found


def _selected(select: str | None) -> list[str]:
    return ["--indirect-selection", "buildable", "--select", select] if select else []


def run_dbt(aside: Settings, command: Sequence[str]) -> None:
    """dbt on the file; WarehouseError with what it said."""
    outcome = dbt_process(aside, command)
    if outcome.returncode:
        raise WarehouseError(
            f"dbt failed on DuckDB's views: {(outcome.stdout + outcome.stderr).strip()}",
            fix="mend what it names, and build again.",
        )


def require(settings: Settings) -> None:
    """WarehouseError where the settings read Spark's tables and nothing was built."""
    if settings.on_spark and not settings.reading.duckdb_path.exists():
        raise WarehouseError(
            f"Nothing was built with Spark in {settings.spark_dir}.",
            fix="run `make demo TARGET=spark`, or `warehouse lake build`.",
        )


def check_lake(settings: Settings) -> None:
    """WarehouseError where DuckDB cannot read the lake: told before Spark works for an hour.

    Of an address that it does not know DuckDB says that nothing is there, not that it cannot look.
    """
    archive = Archive(settings)
    if archive.is_folder:
        return
    known = archive.address(manifest_of(archive, read_day(settings).day))
    why = "it finds no file there"
    with duckdb.connect() as connection:
        try:
            if connection.execute("select * from glob(?)", [known]).fetchone():
                return
        except duckdb.Error as error:
            why = str(error).partition("\n")[0]
    raise WarehouseError(
        f"DuckDB, whose file shows what Spark builds, cannot read the lake {archive.url}: {why}",
        fix="give it what it needs (for s3:// `install httpfs` and `create persistent secret`), or "
        "build with `warehouse lake build --no-reader`.",
    )


def folders(settings: Settings) -> list[str]:
    """Where the views' files are: Spark's own folder, and the lake."""
    return [str(settings.spark_dir), Archive(settings.reading).root]


def count_rows(settings: Settings, node: Mapping[str, Any]) -> int | None:
    """Rows of a table by its files' own counts; None where it is not there."""
    with duckdb.connect() as connection:
        rows = _table(connection, node, table_folder(settings, node))
        return _counted(connection, rows) if rows else None


def table_folder(settings: Settings, node: Mapping[str, Any]) -> Path:
    """Where Spark keeps a table's files."""
    return settings.spark_dir / "warehouse" / f"{node['schema']}.db" / str(node["alias"])


def stored_nodes(manifest: Manifest) -> list[Mapping[str, Any]]:
    """The models, seeds and snapshots that are tables."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in STORED
        and node["config"]["materialized"] not in ("view", "ephemeral")
    ]


def view_names(manifest: Manifest, settings: Settings) -> list[str]:
    """The views whose tables are all there: a part of the models may have been built alone."""
    there = {
        node["unique_id"]
        for node in stored_nodes(manifest)
        if table_folder(settings, node).exists()
    }
    views = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
    }
    known: dict[str, bool] = {}

    def can_be_made(key: str) -> bool:
        if key not in views:
            return key.startswith("source.") or key in there
        if key not in known:
            known[key] = all(map(can_be_made, views[key]["depends_on"]["nodes"]))
        return known[key]

    return sorted(node["name"] for key, node in views.items() if can_be_made(key))


def _take_along(connection: Any, settings: Settings, before: Path) -> None:
    """The rows that dbt's warnings stored in the file before."""
    if not before.exists():
        return
    home = database.database_name(settings, KEPT)
    connection.execute(f"attach {_text(str(before))} as the_one_before (read_only)")
    kept = connection.execute(
        "select table_name from duckdb_tables()"
        " where database_name = 'the_one_before' and schema_name = ?",
        [home],
    ).fetchall()
    for (name,) in kept:
        table = f"{_name(home)}.{_name(name)}"
        connection.execute(f"create table {table} as select * from the_one_before.{table}")
    connection.execute("detach the_one_before")


def _view(connection: Any, home: str, name: str, rows: str) -> None:
    connection.execute(f"create view {_name(home)}.{_name(name)} as {rows}")


def _source(connection: Any, source: Source) -> str:
    """As Spark has it: the day's file, and the months before it."""
    columns = [c for c in source.table.stored_columns if c.classification != "secret"]
    if source.files:
        return _select(
            connection, columns, [f"{source.folder}/{f}/*.parquet" for f in source.files], PART
        )
    rows = _select(connection, columns, [f"{source.folder}/*.parquet"])
    if source.months:
        months = [f"{source.months}/month=*/data.parquet"]
        closed = f"month < {_text(source.before)}"
        rows += f" union all {_select(connection, columns, months, 'month', closed)}"
    return rows


def _table(connection: Any, node: Mapping[str, Any], folder: Path) -> str:
    """A query of what Spark stores of the node; empty where it was not built."""
    if not folder.exists():
        return ""
    columns = [
        Column(name, str(column["data_type"]), "", "") for name, column in node["columns"].items()
    ]
    cut = partition_of(node)
    return _select(connection, columns, [f"{folder}/{f'{cut}=*/' if cut else ''}*.parquet"], cut)


def partition_of(node: Mapping[str, Any]) -> str:
    """The column whose values are the table's folders (macro spark_partition); empty without."""
    column = node["config"].get("window_column")
    if node["config"]["materialized"] not in ("window", "keyed_window") or not column:
        return ""
    return str(column) if node["columns"][column]["data_type"] == "date" else "window_day"


def _computed(connection: Any, settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What Python computes from the marts, of the domains switched on."""
    for table in load_record(settings.domains):
        if table.name == RESULTS:
            home = database.database_name(settings, table.database)
            files = [f"{computed_folder(settings, table.name)}/*.parquet"]
            yield home, table.name, _select(connection, list(table.stored_columns), files)


def computed_folder(settings: Settings, name: str) -> Path:
    """Where a table lies that Python computes from what Spark built."""
    return settings.spark_dir / "computed" / name


def _select(
    connection: Any,
    columns: Sequence[Column],
    files: Sequence[str],
    cut: str = "",
    condition: str = "",
) -> str:
    """A query of files, typed; columns that no file has yet are NULL, and so is all without one."""
    there = _columns_of(connection, files, cut)
    shown = ", ".join(
        f"cast({_name(c.name) if c.name in there else 'null'} as {duckdb_type(c)})"
        f" as {_name(c.name)}"
        for c in columns
    )
    if not there:
        return f"select {shown} where false"
    where = f" where {condition}" if condition else ""
    return f"select {shown} from {_files(files, cut)}{where}"


def _columns_of(connection: Any, files: Sequence[str], cut: str) -> Collection[str]:
    listed = [_text(_path(file)) for file in files]
    found = connection.execute(
        "select " + " + ".join(f"(select count(*) from glob({file}))" for file in listed)
    ).fetchone()
    if not found[0]:
        return ()
    return {row[0] for row in connection.execute(f"describe from {_files(files, cut)}").fetchall()}


def _files(files: Sequence[str], cut: str) -> str:
    listed = ", ".join(_text(_path(file)) for file in files)
    hive = f"true, hive_types = {{{_text(cut)}: varchar}}" if cut else "false"
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = {hive})"


def _counted(connection: Any, rows: str) -> int:
    return int(connection.execute(f"select count(*) from ({rows}) as counted").fetchone()[0])


def _path(url: str) -> str:
    return url.removeprefix("file://")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
