"""dbt for Dagster where Spark builds: the same assets and checks, in three calls of dbt.

The lake's day comes first, then Spark builds the models, then DuckDB's views over them are made, on
which dbt's tests run. Each call is a process of its own: Spark's catalog takes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DagsterDbtTranslator

from orchestration.errors import WarehouseError
from orchestration.manifest import Manifest
from orchestration.operations.running import AlreadyRunning
from orchestration.resources import (
    FILE_HELD,
    Dbt,
    build_arguments,
    failure_of,
    own_folder,
    variable_arguments,
)
from orchestration.settings import SPARK, Settings


@dataclass(frozen=True)
class SparkDbt(Dbt):
    """The project's dbt on Spark and on DuckDB's views over it."""

    def build(
        self,
        context: dg.AssetExecutionContext,
        manifest: Manifest,
        translator: DagsterDbtTranslator,
        variables: Mapping[str, Any] | None = None,
    ) -> Iterator[Any]:
        """Outputs as Spark builds them, then the results of dbt's tests.

        A test does not keep Spark from building what comes after its model: all tests come last.
        """
        from orchestration.lake.fresh import fresh_day
        from orchestration.spark import reader
        from orchestration.spark.build import at_day, with_archive_key
        from orchestration.spark.delivery import deliver
        from orchestration.spark.session import require

        models = {key.path[-1] for key in context.selected_asset_keys}
        tests = {key.name for key in context.selected_asset_check_keys}
        own = with_archive_key(self.settings)
        with own_folder(self.settings, context.run.run_id) as folder:
            with _as_failures():
                require()
                day = fresh_day(own, context.log.info)
                reader.check_lake(own)
            here = at_day(own, day)

            def run(
                arguments: Sequence[str], target: str, environment: Mapping[str, str]
            ) -> Iterator[Any]:
                # a folder each, with what each has parsed
                invocation = self.start(arguments, folder / target, target, environment)
                invocation.context = context
                invocation.manifest = manifest
                invocation.dagster_dbt_translator = translator
                for event in invocation.stream():
                    yield self.described(event, manifest, variables or {})

            failure: dg.Failure | None = None
            try:
                if models:  # without a name dbt would build everything
                    yield from run(build_arguments(models, variables), SPARK, _for_spark(here))
            except DagsterDbtCliRuntimeError as error:
                failure = failure_of(error, folder / SPARK)
            with _as_failures():
                aside = reader.begin(here, manifest, day)
            environment = _for_duckdb(aside)
            names = " ".join(reader.view_names(manifest, here))
            try:
                for _ in run(["run", "--select", names], aside.target, environment):
                    pass
                if tests and failure is None:
                    arguments = ["test", "--indirect-selection", "empty"]
                    arguments += [
                        *variable_arguments(variables),
                        "--select",
                        " ".join(sorted(tests)),
                    ]
                    yield from run(arguments, aside.target, environment)
            except DagsterDbtCliRuntimeError as error:
                failure = failure or failure_of(error, folder / aside.target)
            # What is there stands in it, whatever the tests say, as it does on the other engines.
            reader.publish(here, aside)
            if failure is not None:
                raise failure
            with _as_failures():
                for told in deliver(here, manifest, models):
                    context.log.info(told)

    def count(self, node: Mapping[str, Any]) -> int | None:
        """By the Parquet files' own counts."""
        from orchestration.spark import reader

        return reader.count_rows(self.settings, node)


def _for_spark(here: Settings) -> dict[str, str]:
    from orchestration.retention.archive import archive_url

    return {
        **here.child_environment(),
        "WAREHOUSE_ARCHIVE_URL": archive_url(here),
        "PREPARE_SPARK_SOURCES": "1",
        "DBT_TARGET_PATH": str(here.local_dir / "target" / SPARK),
    }


def _for_duckdb(aside: Settings) -> dict[str, str]:
    return {
        **aside.child_environment(),
        "DBT_TARGET_PATH": str(aside.local_dir / "target" / aside.target),
    }


@contextmanager
def _as_failures() -> Iterator[None]:
    """Our errors as Dagster's, with the fix; what another process is at asks for a retry."""
    try:
        yield
    except WarehouseError as error:
        if FILE_HELD in error.message or isinstance(error, AlreadyRunning):
            raise dg.RetryRequested(max_retries=5, seconds_to_wait=10) from error
        raise dg.Failure(f"{error.message} Fix: {error.fix}", allow_retries=False) from error
