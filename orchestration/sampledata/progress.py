"""A progress bar on stderr; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[str, int], None]


@contextmanager
def track(title: str, total_rows: int, enabled: bool) -> Iterator[Advance]:
    """Yield `advance(what, rows)`; draws `title`, `what`, share and time while enabled."""
    console = Console(stderr=True)
    if not (enabled and console.is_terminal):
        yield lambda what, rows: None
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
        yield lambda what, rows: bar.update(task, description=what, advance=rows)
