"""`warehouse query`: one statement, reading only, shown as a table."""

from __future__ import annotations

import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration import database
from orchestration.settings import Settings

# Below this many characters a column, a row reads better as a list of its values.
COLUMN_WIDTH = 10


def run(settings: Settings, sql: str, limit: int) -> None:
    """Print at most `limit` rows of `sql`; neither engine lets it write anything."""
    with database.connect(settings, read_only=True) as connection:
        if settings.is_mysql:
            connection.execute(sa.text("start transaction read only"))
        # exec_driver_sql: a colon in the user's text is no parameter of ours.
        result = connection.exec_driver_sql(sql.replace("%", "%%") if settings.is_mysql else sql)
        names = list(result.keys())
        rows = result.fetchmany(limit + 1)
    console = Console()
    shown = [["NULL" if value is None else str(value) for value in row] for row in rows[:limit]]
    if len(names) * COLUMN_WIDTH > console.width:
        for number, values in enumerate(shown, start=1):
            console.rule(f"row {number}", align="left")
            for name, value in zip(names, values, strict=True):
                console.print(f"{name:>32}  {value}", highlight=False, markup=False, soft_wrap=True)
    else:
        table = Table(*names)
        for values in shown:
            table.add_row(*map(escape, values))
        console.print(table)
    if len(rows) > limit:
        console.print(f"The first {limit} rows; --limit shows more.")
