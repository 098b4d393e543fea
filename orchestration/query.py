"""`warehouse query`: one statement, reading only, shown as a table."""

from __future__ import annotations

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from orchestration import database
from orchestration.settings import Settings


def run(settings: Settings, sql: str, limit: int) -> None:
    """Print at most `limit` rows of `sql`; neither engine lets it write anything."""
    with database.connect(settings, read_only=True) as connection:
        if settings.is_mysql:
            connection.execute(sa.text("start transaction read only"))
        # exec_driver_sql: a colon in the user's text is no parameter of ours.
        result = connection.exec_driver_sql(sql.replace("%", "%%") if settings.is_mysql else sql)
        names = list(result.keys())
        rows = result.fetchmany(limit + 1)
    table = Table(*names)
    for row in rows[:limit]:
        table.add_row(*("NULL" if value is None else str(value) for value in row))
    console = Console()
    console.print(table)
    if len(rows) > limit:
        console.print(f"The first {limit} rows; --limit shows more.")
