"""What commands of several modules share: their options, and how they speak."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.settings import DOMAINS, PLATFORM, SPARK, Settings, load_settings

Target = Annotated[
    str | None,
    typer.Option("--target", "-t", help="embedded (DuckDB) or mysql [env WAREHOUSE_TARGET]."),
]
Built = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="embedded (DuckDB), mysql, or spark: what Spark built, read with DuckDB "
        "[env WAREHOUSE_TARGET, WAREHOUSE_ENGINE].",
    ),
]
Domains = Annotated[
    list[str] | None,
    typer.Option("--domain", "-d", help=f"One of {', '.join(DOMAINS)}; repeat for more."),
]
Suites = Annotated[
    list[str] | None,
    typer.Option(
        "--domain",
        "-d",
        help=f"One of {', '.join((*DOMAINS, PLATFORM))} (what joins them); repeat for more.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="Pin the clock: a date or a time [env WAREHOUSE_AS_OF]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
JsonFile = Annotated[Path, typer.Argument(help="A file of JSON; - is stdin.")]


def settings_of_built(target: str | None, **overrides: object) -> Settings:
    """The settings behind `Built`: --target spark is WAREHOUSE_ENGINE=spark."""
    if target == SPARK:
        return load_settings(engine=SPARK, **overrides)
    # who names the target means what stands there
    return load_settings(target=target, engine=target, **overrides)


def read_settings(target: str | None, **overrides: object) -> Settings:
    """Those to read what was built with; WarehouseError where Spark is to have and has not."""
    settings = settings_of_built(target, **overrides)
    if settings.on_spark:
        from orchestration.spark.reader import require

        require(settings)
    return settings.reading


def read_bytes(file: Path) -> bytes:
    """What a `JsonFile` argument names; WarehouseError where there is none."""
    if str(file) == "-":
        return typer.get_binary_stream("stdin").read()
    if not file.is_file():
        raise WarehouseError(f"There is no file {file}.", fix="name a file, or - for stdin.")
    return file.read_bytes()


def say(text: str = "") -> None:
    """A line for the user; progress goes to stderr, results to stdout."""
    typer.echo(text)


def progress(text: str) -> None:
    """A line about what is going on."""
    typer.echo(text, err=True)


@contextmanager
def at_work(text: str) -> Iterator[None]:
    """While it lasts, a terminal shows that something is going on; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def may_colour() -> bool | None:
    """What typer takes for `color`: by the terminal, and never where NO_COLOR says so."""
    return False if os.environ.get("NO_COLOR") else None
