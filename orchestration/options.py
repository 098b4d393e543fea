"""What commands of several modules share: their options, and how they speak."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.settings import DOMAINS

Target = Annotated[
    str | None,
    typer.Option("--target", "-t", help="embedded (DuckDB) or mysql [env WAREHOUSE_TARGET]."),
]
Domains = Annotated[
    list[str] | None,
    typer.Option("--domain", "-d", help=f"One of {', '.join(DOMAINS)}; repeat for more."),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="Pin the clock: a date or a time [env WAREHOUSE_AS_OF]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
JsonFile = Annotated[Path, typer.Argument(help="A file of JSON; - is stdin.")]


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
