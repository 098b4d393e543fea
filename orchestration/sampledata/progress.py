"""Progress for people: a bar where stderr is a terminal, a line per table elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Say = Callable[[str], None]
Advance = Callable[[str, int], None]


@contextmanager
def track(title: str, total_rows: int, say: Say | None) -> Iterator[Advance]:
    """Yield `advance(table, rows)`, to be called for every bit of work on a table.

    With `say` None nothing is shown; without a terminal `say` gets a line when a table begins.
    """
    console = Console(stderr=True)
    if say is None:
        yield lambda table, rows: None
        return
    if not console.is_terminal:
        seen: set[str] = set()

        def tell(table: str, rows: int) -> None:
            if table not in seen:
                seen.add(table)
                say(f"{title} {table}")

        yield tell
        return
    bar = Progress(
        TextColumn(f"{title} {{task.description}}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} rows"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total_rows)
        yield lambda table, rows: bar.update(task, description=table, advance=rows)
