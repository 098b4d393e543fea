"""Great Expectations, held quiet and kept from values: run products, count damage, write pages.

It has two habits that this module works around. It reads a result after closing the connection,
which DuckDB answers with no rows and no error. And its results carry samples of the data unless
they are told not to.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper, CursorWrapper
from sqlalchemy.pool import NullPool

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.findings import SHOWN, Finding, with_findings
from orchestration.settings import Settings

if TYPE_CHECKING:
    from expectations.base import Expectation, Product, Scope

# Other formats read damaged rows as well, and with them every row once more.
VERDICTS_ONLY = "BOOLEAN_ONLY"
# Errors of these kinds name relations and columns, not data.
_NAMING_ERROR = re.compile(
    r"((?:Binder|Catalog) Error: [^\n]+|\((?:1054|1146|1064), [^\n]+\))", re.MULTILINE
)


@dataclass(frozen=True)
class Outcome:
    """One expectation's verdict, in numbers. `look` is a query that shows the damaged rows."""

    name: str
    relation: str
    columns: tuple[str, ...]
    protects: str
    success: bool
    unexpected_rows: int
    look: str = field(repr=False)
    expected: str = ""
    database: str = ""
    findings: tuple[Finding, ...] = ()


def run_suites(
    settings: Settings,
    suites: Mapping[str, Sequence[Product]],
    scope: Scope,
    moment: datetime,
    docs_directory: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, tuple[Outcome, ...]]:
    """Hold each suite's products against their expectations; outcomes in the suites' order.

    With a directory, static pages of suites and results are written there. Raises WarehouseError
    when an expectation cannot be evaluated: no verdict is no success.
    """
    gx = quiet_import()
    with ExitStack() as held:
        engine_arguments = held.enter_context(_connections(settings))
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        source = context.data_sources.add_sql(
            "warehouse",
            connection_string="mysql+pymysql://" if settings.is_mysql else "duckdb://",
            kwargs=engine_arguments,
        )
        batches = {p.batch(scope) for products in suites.values() for p in products}
        engine = source.get_execution_engine().engine
        if settings.is_mysql:
            # Once more: SQLAlchemy's own hook on this engine sets the server's collation.
            sa.event.listen(engine, "connect", database.set_session)
        held.enter_context(_columns_without_rows(engine, batches))
        judged: dict[str, list[tuple[Outcome, str]]] = {}
        for suite, products in suites.items():
            judged[suite] = []
            run_id = gx.RunIdentifier(run_name=suite, run_time=moment)
            for product in products:
                progress(f"checking {suite}: {product.name}")
                name = f"{suite}.{product.name}"
                asset = source.add_query_asset(name, query=product.batch(scope))
                definition = gx.ValidationDefinition(
                    name=name,
                    data=asset.add_batch_definition_whole_table("checked_rows"),
                    suite=context.suites.add(
                        gx.ExpectationSuite(
                            name=name,
                            expectations=[_as_great(gx, e) for e in product.expectations],
                        )
                    ),
                )
                context.validation_definitions.add(definition)
                results = definition.run(result_format=VERDICTS_ONLY, run_id=run_id).results
                found = {r.expectation_config.meta["name"]: r for r in results}
                judged[suite] += [
                    (
                        _outcome(product, scope, expectation, found[expectation.name]),
                        product.sample(scope, expectation, SHOWN),
                    )
                    for expectation in product.expectations
                ]
    if docs_directory is not None:
        progress(f"writing the suites' pages to {docs_directory}")
        _write_pages(context, docs_directory)
    return {
        suite: tuple(with_findings(settings, scope, outcomes)) for suite, outcomes in judged.items()
    }


def _as_great(gx: Any, expectation: Expectation) -> Any:
    """The expectation as Great Expectations knows it."""
    kind, arguments = expectation.kind, expectation.arguments
    if expectation.is_rule:  # the batch marks damaged rows with 1, in a column of this name
        kind = "ExpectColumnValuesToBeBetween"
        arguments = {"column": expectation.name, "max_value": 0}
    elif expectation.query:
        arguments = {"unexpected_rows_query": expectation.query}
    return (getattr(gx.expectations, kind) if kind else _counting())(
        **arguments,
        notes=f"{expectation.protects} Expected: {expectation.expected}.",
        meta={"name": expectation.name, "columns": list(expectation.columns)},
    )


@lru_cache(maxsize=1)
def _counting() -> Any:
    """Unexpected rows that are counted and not fetched; a class, made once."""
    from great_expectations.expectations import UnexpectedRowsExpectation

    class UnexpectedRowsAreNone(UnexpectedRowsExpectation):
        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: Mapping[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
            rows = metrics["unexpected_rows_query.row_count"]
            return {"success": rows == 0, "result": {"observed_value": rows}}

    return UnexpectedRowsAreNone


@contextmanager
def _columns_without_rows(engine: sa.Engine, batches: Collection[str]) -> Iterator[None]:
    """Great Expectations runs a whole batch to learn its columns' names: no row is needed."""

    def cut(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        bare = statement.strip()
        return (f"{bare} limit 0" if bare in batches else statement), parameters

    sa.event.listen(engine, "before_cursor_execute", cut, retval=True)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", cut)


def _outcome(product: Product, scope: Scope, expectation: Expectation, result: Any) -> Outcome:
    if problem := _exception(result.exception_info):
        raise WarehouseError(
            f"The expectation {expectation.name} on {product.name} cannot be evaluated: {problem}.",
            fix=f"build the relation anew (`dbt build -s {product.name}`); if that does not help, "
            "model and suite differ in a column's name.",
        )
    return Outcome(
        name=expectation.name,
        relation=product.name,
        columns=expectation.columns,
        protects=expectation.protects,
        success=bool(result.success),
        unexpected_rows=0,  # counted below, where there are any
        look=product.look(scope, expectation),
        expected=expectation.expected,
        database=product.database,
    )


def _exception(info: Mapping[str, Any]) -> str:
    """What went wrong, without data: only errors about names are quoted. Empty when nothing did."""
    for entry in (info, *(e for e in info.values() if isinstance(e, Mapping))):
        if entry.get("raised_exception") is True:
            message = str(entry.get("exception_message"))
            naming = _NAMING_ERROR.search(message)
            kind = re.search(r"[A-Za-z]+(?:Error|Exception)", message)
            return naming[1] if naming else kind[0] if kind else "an unknown error"
    return ""


def quiet_import() -> Any:
    """Great Expectations, imported on first use (five seconds), without telemetry and bars."""
    # Both are read while it is imported.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    _silence_exit()
    return great_expectations


@lru_cache(maxsize=1)
def _silence_exit() -> None:
    # After Great Expectations has used it, duckdb's binding prints pages of "nanobind: leaked ..."
    # while the interpreter ends, past every Python hook: only the descriptor can be turned away.
    def close_stderr() -> None:
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    atexit.register(close_stderr)


@contextmanager
def _connections(settings: Settings) -> Iterator[dict[str, Any]]:
    """Arguments for SQLAlchemy's create_engine that lead to our own connections.

    So no password stands in Great Expectations' configuration, sessions have the warehouse's zone
    and collation, and nothing stays open afterwards.
    """
    # Waits for the DuckDB file, explains what is wrong with it, and keeps it open in between.
    with database.connect(settings, read_only=True) as held:
        if settings.is_mysql:
            creator = database.connect_engine(settings).raw_connection
        else:
            # duckdb's own cursor() is a further connection to the file that is open already
            opened = held.connection.cursor()

            def creator() -> Any:
                return _FetchingConnection(opened.cursor())

        yield {"creator": creator, "poolclass": NullPool}


class _FetchingCursor(CursorWrapper):
    """Fetches when it executes, so that rows outlive the connection."""

    def __init__(self, raw: duckdb.DuckDBPyConnection, connection: ConnectionWrapper) -> None:
        super().__init__(raw, connection)
        self._raw = raw
        self._rows: list[tuple[Any, ...]] = []
        self.description: Any = None

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        super().execute(statement, parameters, context)
        self.description = self._raw.description
        self._rows = self._raw.fetchall() if self.description else []

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        rows, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return rows

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows


class _FetchingConnection(ConnectionWrapper):
    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        super().__init__(raw)
        self._raw = raw

    def cursor(self) -> _FetchingCursor:
        return _FetchingCursor(self._raw, self)


def _write_pages(context: Any, directory: Path) -> None:
    # Pages of earlier runs would stay behind without a link to them.
    for old in ("expectations", "validations"):
        shutil.rmtree(directory / old, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    context.add_data_docs_site(
        site_name="quality",
        site_config={
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(directory.absolute()),
            },
        },
    )
    context.build_data_docs(site_names=["quality"])
