"""What runs need: the settings, and dbt in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster_dbt import (
    DagsterDbtCliRuntimeError,
    DagsterDbtTranslator,
    DbtCliInvocation,
    DbtCliResource,
)
from packaging.version import Version
from sqlalchemy.exc import DBAPIError

from orchestration import database
from orchestration.dbt_project import target_path
from orchestration.errors import WarehouseError
from orchestration.manifest import dbt_executable
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.translator import is_daily

# Runs that open the DuckDB file take the only slot of this pool: one process at a time may write.
DUCKDB_POOL = "duckdb_writer"
# On MySQL two dbt builds at once would rebuild the same windows against each other.
MYSQL_POOL = "mysql_builds"
# Spark's folder takes one process, and who reads its files reads while nobody writes them.
SPARK_POOL = "spark_folder"
# What our dbt sessions say (after waiting for it) when another process has the DuckDB file open.
FILE_HELD = "Another process holds"
# A count is a courtesy; on a large MySQL table it may not be cheap.
COUNT_MILLISECONDS = 5_000
KEPT_FOLDERS = 10


def pool_of(settings: Settings) -> str:
    """The pool whose single slot a build on this engine takes."""
    if settings.is_mysql:
        return SPARK_POOL if settings.on_spark else MYSQL_POOL
    return DUCKDB_POOL


def build_arguments(names: Sequence[str], variables: Mapping[str, Any] | None = None) -> list[str]:
    """`dbt build` of exactly these nodes and tests, by name, in a window if there is one.

    Tests are named, not found through what they read (`indirect-selection`): staging rebuilt alone
    must not be held against marts that are not rebuilt yet.
    """
    arguments = ["build", "--indirect-selection", "empty", *variable_arguments(variables)]
    # One argument, which Linux lets be 128 KiB long: two thousand tests.
    return [*arguments, "--select", " ".join(sorted(names))]


def variable_arguments(variables: Mapping[str, Any] | None) -> list[str]:
    """--vars, if there are any."""
    return ["--vars", json.dumps(dict(variables), sort_keys=True)] if variables else []


class _QuickDbtCli(DbtCliResource):
    """dagster-dbt's resource without its two detours before each call.

    It asks `dbt --version`, which looks for news on the internet (3 s), and opens an adapter in
    this process for its own row counts, which would hold the DuckDB file open; ours are below.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        return None


@dataclass(frozen=True)
class Dbt:
    """The project's dbt, for one engine; `build` is what assets call."""

    settings: Settings

    def build(
        self,
        context: dg.AssetExecutionContext,
        manifest: Mapping[str, Any],
        translator: DagsterDbtTranslator,
        variables: Mapping[str, Any] | None = None,
    ) -> Iterator[Any]:
        """Run `dbt build` for the context's assets and checks; yields outputs and check results.

        Raises Failure when a node or a test of severity error fails, and asks for a retry when
        another process holds the DuckDB file.
        """
        with own_folder(self.settings, context.run.run_id) as folder:
            invocation = self.start(build_arguments(names_of(context), variables), folder)
            # Not passed to `cli`, which would then select in its own way.
            invocation.context = context
            invocation.manifest = manifest
            invocation.dagster_dbt_translator = translator
            events = invocation.stream() if self.settings.is_mysql else _drained(invocation)
            try:
                for event in events:
                    yield self.described(event, manifest, variables or {})
            except DagsterDbtCliRuntimeError as error:
                raise failure_of(error, folder) from error

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        target: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> DbtCliInvocation:
        """A call of dbt, by default on the settings' target and in their environment."""
        resource = _QuickDbtCli(
            project_dir=str(PROJECT_ROOT),
            profiles_dir=str(PROJECT_ROOT),
            target=target or self.settings.target,
            dbt_executable=dbt_executable(),
        )
        with _environment({**self._environment(), **(environment or {})}):
            return resource.cli(arguments, target_path=folder)

    def _environment(self) -> dict[str, str]:
        return {
            **self.settings.child_environment(),
            # From here dagster-dbt copies what partial parsing needs.
            "DBT_TARGET_PATH": str(target_path(self.settings)),
        }

    def described(
        self, event: Any, manifest: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> Any:
        """An output with its rows, unless it is a view, and its window, if it is built by days."""
        if not isinstance(event, dg.Output):
            return event
        node = manifest["nodes"][event.metadata["unique_id"].value]
        metadata = {**event.metadata, **(variables if is_daily(node) else {})}
        if node["config"]["materialized"] != "view":
            rows = self.count(node)
            metadata |= {} if rows is None else {"dagster/row_count": rows}
        return event.with_metadata(metadata)

    def count(self, node: Mapping[str, Any]) -> int | None:
        """Rows of what was built, if they can be had quickly."""
        return count_rows(self.settings, node["schema"], node["name"])


def failure_of(error: DagsterDbtCliRuntimeError, folder: Path) -> dg.Failure:
    """What dbt said, without the command, which names every model and test of the run."""
    said = str(error).partition("Errors parsed from dbt logs:")[2].strip()
    return dg.Failure(
        f"dbt build failed.\n\n{said or error}",
        metadata={"dbt log": dg.MetadataValue.path(str(folder / "dbt.log"))},
        # The same data would fail again; a file that is held asks for its retry by itself.
        allow_retries=False,
    )


def names_of(context: dg.AssetExecutionContext) -> list[str]:
    """The selected models, seeds, snapshots and tests; a check has its test's name."""
    return [
        *(key.path[-1] for key in context.selected_asset_keys),
        *(key.name for key in context.selected_asset_check_keys),
    ]


def count_rows(settings: Settings, schema: str, table: str) -> int | None:
    """Rows of a table; None when MySQL cannot count them quickly or the file is held elsewhere."""
    query = sa.select(sa.func.count()).select_from(sa.table(table, schema=schema))
    if settings.is_mysql:
        query = query.prefix_with(f"/*+ max_execution_time({COUNT_MILLISECONDS}) */")
    try:
        with database.connect(settings, read_only=True) as connection:
            return connection.scalar(query)
    except (DBAPIError, WarehouseError):
        return None


def _drained(invocation: DbtCliInvocation) -> Iterator[Any]:
    """The events once dbt has let go of the DuckDB file; its failure comes after them."""
    events: list[Any] = []
    failure: Exception | None = None
    try:
        events.extend(invocation.stream())
    except DagsterDbtCliRuntimeError as error:
        if FILE_HELD in str(error):
            raise dg.RetryRequested(max_retries=5, seconds_to_wait=10) from error
        failure = error
    yield from events
    if failure is not None:
        raise failure


@contextmanager
def own_folder(settings: Settings, run_id: str) -> Iterator[Path]:
    """A target folder for one call; the last few of failed calls stay, with their dbt.log."""
    parent = target_path(settings) / "runs"
    parent.mkdir(parents=True, exist_ok=True)
    left = sorted(parent.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for old in left[KEPT_FOLDERS:]:
        shutil.rmtree(old, ignore_errors=True)
    folder = parent / f"{run_id[:8]}-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    yield folder
    # Not in a `finally`: what a failed call wrote is what one wants to read.
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """dagster-dbt hands this process's environment to dbt; it is ours while dbt starts."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
