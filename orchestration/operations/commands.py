"""`warehouse operation`: what Dagster's schedules do, by hand."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from orchestration.options import AsJson, AsOf, Target, say
from orchestration.settings import load_settings, one_of

app = typer.Typer(help="What the schedules do, by hand: list the operations, run one.")


@app.command("list")
def list_operations(as_json: AsJson = False) -> None:
    """Name the operations, each with its domain and what it does."""
    from orchestration.operations.register import OPERATIONS

    if as_json:
        lines = [{"name": o.name, "domain": o.domain, "does": o.sentence} for o in OPERATIONS]
        say(json.dumps(lines, ensure_ascii=False))
        return
    for operation in OPERATIONS:
        say(f"{operation.name}  ({operation.domain})\n    {operation.sentence}")


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="The operation, as `operation list` names it.")],
    target: Target = None,
    as_of: AsOf = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would change, change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run one operation once, and say what it examined and changed."""
    from orchestration.operations.register import OPERATIONS
    from orchestration.operations.running import run_operation

    operations = {operation.name: operation for operation in OPERATIONS}
    operation = operations[one_of("operation", name, tuple(operations))]
    settings = load_settings(target=target, as_of=as_of)
    report = run_operation(operation, settings, dry_run=dry_run, trigger="manual")
    say(report.to_json() if as_json else report.summary())
