"""`warehouse query`: one statement, reading only, shown as a table or as JSON."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import duckdb
import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.options import at_work
from orchestration.settings import Settings

# Below this many characters a column, a row reads better as a list of its values.
COLUMN_WIDTH = 10


def run(settings: Settings, sql: str, limit: int, as_json: bool = False) -> None:
    """Print at most `limit` rows of `sql`; neither engine lets it write anything.

    As JSON: `{"columns": […], "rows": [{…}], "more": …}`, decimals and times as text.

    WarehouseError with the engine's own sentence when it does not run the statement.
    """
    with database.connect(settings, read_only=True) as connection:
        try:
            with at_work("asking …"):
                names, rows = _read(connection, settings, sql, limit + 1)
        except (DBAPIError, duckdb.Error) as error:
            raise _refused(error, settings) from error
    if as_json:
        told = [dict(zip(names, map(_plain, row), strict=True)) for row in rows[:limit]]
        answer = {"columns": names, "rows": told, "more": len(rows) > limit}
        print(json.dumps(answer, ensure_ascii=False, default=str))
        return
    console = Console()
    shown = [["NULL" if value is None else str(value) for value in row] for row in rows[:limit]]
    if len(names) * COLUMN_WIDTH > console.width:
        for number, values in enumerate(shown, start=1):
            console.rule(f"row {number}", align="left")
            for name, value in zip(names, values, strict=True):
                console.print(f"{name:>32}  {value}", highlight=False, markup=False, soft_wrap=True)
    else:
        table = Table(*map(escape, names))
        for values in shown:
            table.add_row(*map(escape, values))
        console.print(table)
    if len(rows) > limit:
        console.print(f"The first {limit} rows; --limit shows more.")


def _plain(value: Any) -> Any:
    """What JSON takes: a decimal keeps its digits as text, and there are no NaN or bytes."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value


def _read(
    connection: sa.Connection, settings: Settings, sql: str, rows: int
) -> tuple[list[str], list[sa.Row]]:
    fix = "give one statement that returns rows."
    if settings.is_mysql:
        # The session, not a transaction: DDL commits that first, and would then be let through.
        connection.exec_driver_sql("set session transaction read only")
        connection.detach()  # not back to the pool: closing it ends the session
    else:
        statements = duckdb.extract_statements(sql)
        if len(statements) > 1:
            raise WarehouseError("That is more than one statement.", fix=fix)
        if settings.on_spark:
            from orchestration.spark.reader import folders

            # The views read these folders, into which `copy` could write as well.
            if any(each.type != duckdb.StatementType.SELECT for each in statements):
                raise WarehouseError("That is not a select statement.", fix=fix)
            listed = ", ".join("'" + each.replace("'", "''") + "'" for each in folders(settings))
            connection.exec_driver_sql(f"set allowed_directories = [{listed}]")
        # The file is opened for reading; this keeps `copy` and `attach` from other files.
        connection.exec_driver_sql("set enable_external_access = false")
    # exec_driver_sql: a colon in the user's text is no parameter of ours.
    result = connection.exec_driver_sql(sql.replace("%", "%%") if settings.is_mysql else sql)
    if not result.returns_rows:
        raise WarehouseError("That statement returns no rows.", fix=fix)
    return list(result.keys()), list(result.fetchmany(rows))


def _refused(error: DBAPIError | duckdb.Error, settings: Settings) -> WarehouseError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if known := database.explain(cause, settings):
        return known
    said = str(cause.args[-1]) if cause is not None and cause.args else str(cause)
    return WarehouseError(
        said.strip(), fix="correct the statement; `warehouse query` reads and never writes."
    )
