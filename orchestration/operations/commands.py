"""`warehouse operation` and `warehouse quota`: what schedules and applications do, by hand."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from orchestration.options import AsJson, AsOf, Target, at_work, say
from orchestration.settings import load_settings, one_of

app = typer.Typer(help="What the schedules do, by hand: list the operations, run one.")
quota_app = typer.Typer(help="What a tenant may still use by its contract.")


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
    with at_work(f"running {name} …"):
        report = run_operation(operation, settings, dry_run=dry_run, trigger="manual")
    say(report.to_json() if as_json else report.summary())


@quota_app.callback()
def _quota() -> None:
    """Keep `check` a word of its own."""


@quota_app.command("check")
def check_quota(
    tenant: Annotated[str, typer.Argument(help="Id or code of the tenant.")],
    resource: Annotated[str, typer.Argument(help="As saas_quota_usage_realtime names it.")],
    amount: Annotated[str, typer.Option(help="How much more; GiB for storage_gb.")] = "1",
    target: Target = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a tenant may use more of a resource; exit code 0 allowed, 1 refused."""
    from orchestration.operations.quotas import check_tenant_quota

    try:
        wanted = Decimal(amount)
    except InvalidOperation:
        raise typer.BadParameter(f"{amount!r} is not a number", param_hint="--amount") from None
    settings = load_settings(target=target, as_of=as_of)
    answer = check_tenant_quota(settings, tenant, resource, wanted)
    say(answer.to_json() if as_json else answer.summary())
    raise typer.Exit(0 if answer.allowed else 1)
