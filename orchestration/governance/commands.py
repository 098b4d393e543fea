"""`warehouse lineage` and `warehouse grants`: where classified columns go, and who reads what."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.options import AsJson, Target, at_work, say
from orchestration.settings import load_settings


def lineage(target: Target = None, as_json: AsJson = False) -> None:
    """Follow secret, pii and phi columns through all models; exit code 1 where one leaks."""
    from orchestration.governance.project import compile_project, examine
    from orchestration.governance.readers import readers

    settings = load_settings(target=target)
    with at_work("compiling all models and following their columns …"):
        report = examine(
            compile_project(settings), settings.target, settings.database_prefix, readers(settings)
        )
    say(report.to_json() if as_json else report.summary())
    raise typer.Exit(1 if report.leaks else 0)


def grants(
    apply: Annotated[bool, typer.Option("--apply", help="Run the statements.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the server; exit code 1 if it differs.")
    ] = False,
    print_: Annotated[bool, typer.Option("--print", help="Show them (the default).")] = False,
    host: Annotated[str, typer.Option(help="Hosts that the accounts log in from.")] = "localhost",
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Least-privilege roles on MySQL, from the schema of record: print, apply or check them."""
    from orchestration.governance import grants as roles

    if apply + check + print_ > 1:
        raise WarehouseError("--print, --apply and --check exclude each other.", fix="give one.")
    settings = load_settings(target=target)
    if as_json and apply:
        raise WarehouseError("--apply has no result but its effect.", fix="leave --json out.")
    if apply:
        with at_work("making roles, accounts and views …"):
            count = roles.apply(settings, host)
        say(
            f"applied {count} statements; the accounts are locked: give each its password with "
            "`alter user … identified by … account unlock`."
        )
    elif check:
        with at_work("comparing with the server …"):
            found = roles.check(settings)
        if as_json:
            say(json.dumps({"differences": found}))
        else:
            say("\n".join(found) or "the roles are as the schema of record says")
        raise typer.Exit(1 if found else 0)
    else:
        statements = roles.statements(settings, host)
        if as_json:
            say(json.dumps({"statements": statements}))
        else:
            say("".join(f"{statement};\n" for statement in statements))
