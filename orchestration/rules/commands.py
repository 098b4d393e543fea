"""`warehouse rule`: check a rule, explain a tag's or segment's, export the grammar."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.options import AsJson, AsOf, JsonFile, Target, at_work, read_bytes, say
from orchestration.settings import PROJECT_ROOT, load_settings, one_of

app = typer.Typer(help="The rules of tags, segments and alerts.")
SCHEMA_FILE = PROJECT_ROOT / "docs" / "rules.schema.json"
MONITOR_FILE = PROJECT_ROOT / "docs" / "monitor-rules.md"


@app.command()
def check(
    file: JsonFile,
    subject: Annotated[str, typer.Option(help="customer, patient or account.")] = "customer",
) -> None:
    """Say whether a rule is valid, else each fault with its path; exit code 1 then."""
    from orchestration.rules.fields import SUBJECTS
    from orchestration.rules.grammar import conditions, parse

    one_of("subject", subject, SUBJECTS)
    try:
        text = read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise WarehouseError(f"{file} is not UTF-8: {error}.", fix="save it as UTF-8.") from None
    found = list(conditions(parse(text, subject)))
    names = ", ".join(dict.fromkeys(condition.field.name for condition in found))
    say(f"valid: {len(found)} condition{'s' * (len(found) != 1)} on {names}")


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="Code or id of a tag or segment.")],
    tenant: Annotated[str | None, typer.Option(help="Where several tenants have the code.")] = None,
    target: Target = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Say how many customers each clause of a tag's or segment's rule keeps."""
    from orchestration.rules.explain import explain as run

    with at_work("counting …"):
        explanation = run(load_settings(target=target, as_of=as_of), name, tenant)
    say(explanation.to_json() if as_json else explanation.render())


@app.command()
def schema(
    check: Annotated[bool, typer.Option(help="Change nothing; exit 1 if it is stale.")] = False,
) -> None:
    """Write the grammar to docs/rules.schema.json, monitor rules' keys to docs/monitor-rules.md."""
    from orchestration.operations.wework import monitor_rules_page
    from orchestration.rules.grammar import json_schema_text

    for file, text in ((SCHEMA_FILE, json_schema_text()), (MONITOR_FILE, monitor_rules_page())):
        fresh = file.exists() and file.read_text(encoding="utf-8") == text
        if check and not fresh:
            raise WarehouseError(f"{file} is stale.", fix="run `warehouse rule schema`.")
        if not fresh:
            file.write_text(text, encoding="utf-8")
        say(f"{file} is up to date")
