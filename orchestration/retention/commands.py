"""`warehouse retention`: plans, runs, what the archive has, restores, legal holds, the horizon."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration import clock
from orchestration.options import AsJson, AsOf, Target, at_work, progress, say
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from orchestration.retention.run import Outcome

app = typer.Typer(help="What leaves the database, where it goes, and how it comes back.")
hold_app = typer.Typer(help="Legal holds: rows that retention must leave where they are.")
app.add_typer(hold_app, name="hold", no_args_is_help=True)

Tables = Annotated[
    list[str] | None, typer.Option("--table", help="Only this table; repeat for more.")
]


@app.command("plan")
def show_plan(
    target: Target = None, as_of: AsOf = None, table: Tables = None, as_json: AsJson = False
) -> None:
    """Say what `run` would do now, and why; exit code 1 if it would refuse something."""
    _planned(load_settings(target=target, as_of=as_of), table or (), as_json)


@app.command("run")
def run(
    target: Target = None,
    as_of: AsOf = None,
    table: Tables = None,
    dry_run: Annotated[bool, typer.Option(help="Show the plan, change nothing.")] = False,
    max_rows: Annotated[
        int | None, typer.Option(min=1, help="Rows to delete of a table at the most.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Archive closed months, verify, drop what is expired; exit code 1 if something was refused."""
    from orchestration.retention.plan import ROWS_A_RUN
    from orchestration.retention.run import run_all

    settings = load_settings(target=target, as_of=as_of)
    rows = max_rows or ROWS_A_RUN
    if dry_run:
        _planned(settings, table or (), as_json, rows)
        return
    outcomes = run_all(settings, table or (), rows_a_run=rows, progress=progress, trigger="manual")
    _shown(outcomes, as_json, done=True)


@app.command("status")
def status(target: Target = None, as_json: AsJson = False) -> None:
    """Say which months the archive has of each table, and which rows may be gone online."""
    from orchestration.retention.archive import Archive
    from orchestration.retention.policy import months_name, retained_table
    from orchestration.schema.record import load_record

    settings = load_settings(target=target)
    archive = Archive(settings)
    lines = []
    for known in load_record(settings.domains):
        if not known.retention:
            continue
        found = []
        for month in archive.months(retained_table(known.name)):
            if manifest := archive.peek(known, month):
                found.append(
                    {
                        "month": months_name(month),
                        "rows": manifest.rows,
                        "archived_at": manifest.written_at,
                        "expiring": manifest.expiring,
                        "keep_until": manifest.keep_until,
                    }
                )
        policy = {"months": known.retention.months, "archive": known.retention.archive}
        lines.append({"table": known.name, **policy, "archived": found})
    if as_json:
        say(json.dumps({"archive": archive.url, "tables": lines}, ensure_ascii=False))
        return
    say(f"archive: {archive.url}")
    for line in lines:
        found = line["archived"]
        span = f"{found[0]['month']} to {found[-1]['month']}" if found else "nothing"
        rows = sum(entry["rows"] for entry in found)
        say(f"{line['table']}: {line['months']} months online; archived {span}, {rows:,} rows")


@app.command("restore")
def restore_month(
    table: Annotated[str, typer.Argument(help="The table.")],
    month: Annotated[str, typer.Argument(help="The month, as 2025-11.")],
    target: Target = None,
    as_of: AsOf = None,
    keep_days: Annotated[
        int, typer.Option(min=1, help="Days for which retention leaves the month alone.")
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Put an archived month back; refuses to overwrite rows that are online."""
    from orchestration.retention.policy import parse_month
    from orchestration.retention.restore import restore

    settings = load_settings(target=target, as_of=as_of)
    done = restore(settings, table, parse_month(month), keep_days, progress)
    if as_json:
        say(json.dumps(asdict(done)))
        return
    say(
        f"{done.table} {done.month}: {done.restored:,} rows restored, {done.already_there:,} were "
        f"there; retention leaves them until {done.keep_until}."
    )


@app.command("horizon")
def horizon(target: Target = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Make partitions three months ahead, empty p_future; exit code 1 where a table failed."""
    from orchestration.retention.run import extend_horizon

    with at_work("making partitions …"):
        found = extend_horizon(load_settings(target=target, as_of=as_of))
    if as_json:
        say(json.dumps([asdict(each) for each in found]))
    elif not found:
        say("no partitions to make: DuckDB has none, nor has any table of these domains.")
    else:
        for each in found:
            say(
                f"{each.table}: {each.failed}"
                if each.failed
                else f"{each.table}: {each.made} partitions made, {each.moved:,} rows moved out of "
                f"p_future, {each.left:,} left"
            )
    raise typer.Exit(1 if any(each.failed for each in found) else 0)


@hold_app.command("add")
def add(
    reason: Annotated[str, typer.Option(help="Why, as an auditor would ask.")],
    tenant: Annotated[str, typer.Option(help="Id of the tenant.")] = "",
    table: Annotated[str, typer.Option(help="One table; without it all of the tenant's.")] = "",
    target: Target = None,
    as_of: AsOf = None,
) -> None:
    """Keep a tenant's rows, or a table's, whatever the policy says."""
    from orchestration.retention.archive import Archive
    from orchestration.retention.holds import add_hold
    from orchestration.retention.looking import tables_with
    from orchestration.retention.trail import leave

    settings = load_settings(target=target, as_of=as_of)
    hold = add_hold(Archive(settings), tenant, table, reason, clock.now(settings))
    say(f"hold {hold.id} is in force.")
    if tenant and not (found := tables_with(settings, tenant, table)):
        progress(f"Nothing online is of a tenant {tenant}: see that its id is right.")
    elif tenant:
        say(f"It keeps rows of {', '.join(found)}.")
    leave(settings, "hold", table, tenant, hold=hold.id, reason=reason, trigger="manual")


@hold_app.command("release")
def release(
    hold: Annotated[str, typer.Argument(help="As `hold list` names it.")],
    target: Target = None,
    as_of: AsOf = None,
) -> None:
    """End a hold; its rows go with the next runs."""
    from orchestration.retention.archive import Archive
    from orchestration.retention.holds import release_hold
    from orchestration.retention.trail import leave

    settings = load_settings(target=target, as_of=as_of)
    ended = release_hold(Archive(settings), hold, clock.now(settings))
    say(f"hold {ended.id} is released.")
    told = {"hold": ended.id, "reason": ended.reason, "trigger": "manual"}
    leave(settings, "release", ended.table, ended.tenant, **told)


@hold_app.command("list")
def list_holds(as_json: AsJson = False) -> None:
    """All holds, also those that were released."""
    from orchestration.retention.archive import Archive
    from orchestration.retention.holds import read_holds

    holds = read_holds(Archive(load_settings()))
    if as_json:
        say(json.dumps([asdict(hold) for hold in holds], ensure_ascii=False))
        return
    for hold in holds:
        what = " in ".join(filter(None, (hold.tenant, hold.table)))
        end = f"released {hold.released_at}" if hold.released_at else "in force"
        say(f"{hold.id}  {what}  since {hold.since}, {end}: {hold.reason}")
    if not holds:
        say("no holds")


def _planned(
    settings: Settings, tables: Sequence[str], as_json: bool, rows: int | None = None
) -> None:
    from orchestration.retention.plan import ROWS_A_RUN
    from orchestration.retention.run import plan_all

    with at_work("looking at each table …"):
        planned = plan_all(settings, tables, rows_a_run=rows or ROWS_A_RUN)
    _shown(planned, as_json, done=False)


def _shown(outcomes: Sequence[Outcome], as_json: bool, done: bool) -> None:
    if as_json:
        say(json.dumps([asdict(outcome) for outcome in outcomes], ensure_ascii=False))
    else:
        _table(outcomes, done)
    raise typer.Exit(1 if any(outcome.refused for outcome in outcomes) else 0)


def _table(outcomes: Sequence[Outcome], done: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("table", "kept from", "step", "of", "rows", "why")
    for outcome in outcomes:
        shown = [s for s in outcome.steps if s.action in ("keep", "refuse")] if done else []
        for step in outcome.done + shown if done else outcome.steps:
            table.add_row(
                step.table, outcome.cutoff[:10], step.action, step.what, f"{step.rows:,}", step.why
            )
        if outcome.failed:
            table.add_row(outcome.table, outcome.cutoff[:10], "gave up", "", "", outcome.failed)
    if table.row_count:
        Console().print(table)
    else:
        say("nothing to do")
