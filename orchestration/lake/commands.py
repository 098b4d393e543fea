"""`warehouse lake`: fill it, see what it has, read it back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.options import AsJson, AsOf, Target, at_work, progress, say
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from orchestration.lake.months import Month

app = typer.Typer(help="Closed months as Parquet: history for DuckDB, pandas and Spark.")

Tables = Annotated[
    list[str] | None, typer.Option("--table", help="Only this table; repeat for more.")
]
Months = Annotated[
    list[str] | None,
    typer.Option("--month", help="Only this month, as 2026-05; repeat for more."),
]


@app.command("sync")
def sync_months(
    target: Target = None,
    as_of: AsOf = None,
    table: Tables = None,
    month: Months = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Then today's day too: what no closed month holds, all tables."
        ),
    ] = False,
    keep_days: Annotated[
        int, typer.Option("--keep-days", min=1, help="With --full: forget days before these.")
    ] = 7,
    as_json: AsJson = False,
) -> None:
    """Write closed months that are missing, and renew those that changed; exit code 1 if one fails.

    Months are compared by count and checksum. Can be stopped anywhere and run again.
    """
    from orchestration.lake.months import sync

    settings = load_settings(target=target, as_of=as_of)
    found = _with_failures(sync(settings, table or (), _dates(month), progress))
    whole = full and not _code(found, "failed")
    day = _day(settings, keep_days) if whole else None
    if as_json:
        _as_json(settings, found, day)
    else:
        _table(m for m in found if m.state in ("made", "renewed", "failed"))
        _close(settings, found, "`warehouse lake verify` reads the files back.")
        if day:
            say(
                f"Day {day['day']}: {day['tables']} tables, {day['rows']:,} rows, as of one moment."
            )
        elif full:
            say("No day was written: it would go with months that are not there.")
    raise typer.Exit(_code(found, "failed"))


@app.command("status")
def show_status(
    target: Target = None,
    as_of: AsOf = None,
    table: Tables = None,
    month: Months = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare counts only: a changed row does not show.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say of each month whether the lake has it as the database does; exit code 1 if not."""
    from orchestration.lake.months import status

    settings = load_settings(target=target, as_of=as_of)
    with at_work("comparing months …"):
        found = list(status(settings, table or (), _dates(month), quick))
    if as_json:
        _as_json(settings, found)
    else:
        _table(found)
        _close(settings, found, "`warehouse lake sync` writes what is missing or stale.")
    raise typer.Exit(_code(found, "failed", "stale", "missing"))


@app.command("verify")
def verify_months(
    target: Target = None,
    as_of: AsOf = None,
    table: Tables = None,
    month: Months = None,
    as_json: AsJson = False,
) -> None:
    """Read files back: against their manifests, and the rows online; exit code 1 if one differs."""
    from orchestration.lake.months import verify

    settings = load_settings(target=target, as_of=as_of)
    found = _with_failures(verify(settings, table or (), _dates(month), progress))
    if not (table or month):
        _verify_day(settings)
    if as_json:
        _as_json(settings, found)
    else:
        _table(m for m in found if m.state not in ("fresh", "dropped"))
        _close(settings, found, "`warehouse lake sync` writes what is missing or stale.")
    raise typer.Exit(_code(found, "failed", "stale", "missing"))


@app.command("build")
def build_on_spark(
    target: Target = None,
    as_of: AsOf = None,
    select: Annotated[
        str | None, typer.Option("--select", "-s", help="Only these, as dbt selects; default all.")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Make statistics anew, all days.")
    ] = False,
    reader: Annotated[
        bool | None,
        typer.Option(
            "--reader/--no-reader", help="With the file that --target spark reads, as by default."
        ),
    ] = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Then dbt's tests of these on it; exit code 1 if one fails."),
    ] = False,
) -> None:
    """Build the models with Spark on the lake's last day, and DuckDB's file of views over them.

    `make setup-spark` first.

    `--target` says whose lake it is. As of the day's moment, unless `--as-of` gives another. Exit
    code 1 where a model fails.
    """
    from orchestration.spark.build import build_and_tell

    settings = load_settings(target=target, as_of=as_of)
    raise typer.Exit(
        build_and_tell(
            settings,
            select=select,
            full_refresh=full_refresh,
            reader=test or reader is not False,
            tests=test,
            say=say,
            progress=progress,
        )
    )


def _dates(months: Sequence[str] | None) -> list[date]:
    from orchestration.retention.policy import parse_month

    return [parse_month(text) for text in months or ()]


def _with_failures(months: Iterable[Month]) -> list[Month]:
    """All of them, each failure told as it comes."""
    found = []
    for month in months:
        found.append(month)
        if month.state == "failed":
            progress(f"{month.table} {month.month}: {month.why}")
    return found


def _code(found: Sequence[Month], *bad: str) -> int:
    return 1 if any(month.state in bad for month in found) else 0


def _day(settings: Settings, keep_days: int) -> dict[str, Any]:
    from orchestration.lake.days import sync_day

    made = sync_day(settings, keep_days, progress)
    return {"day": made.day, "as_of": made.as_of, "tables": len(made.tables), "rows": made.rows}


def _verify_day(settings: Settings) -> None:
    """The last day, if there is one; Damaged where it does not read back."""
    from orchestration.lake.days import days, verify_day

    if days(settings):
        progress(f"day {verify_day(settings).day} reads back")


def _as_json(
    settings: Settings, found: Sequence[Month], day: Mapping[str, Any] | None = None
) -> None:
    from orchestration.lake.months import url_of

    told = {"lake": url_of(settings), "months": [asdict(m) for m in found]}
    say(json.dumps(told | ({"day": day} if day else {})))


def _table(months: Iterable[Month]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("table", "month", "state", "rows", "online", "why")
    for m in months:
        table.add_row(m.table, m.month, m.state, f"{m.rows:,}", f"{m.online:,}", m.why)
    if table.row_count:
        Console().print(table)


def _close(settings: Settings, found: Sequence[Month], after: str) -> None:
    """What there is, and what to look at next."""
    from orchestration.lake.months import url_of

    states = ", ".join(f"{n} {state}" for state, n in Counter(m.state for m in found).items())
    rows, size = sum(m.rows for m in found), sum(m.bytes for m in found)
    if failed := [m for m in found if m.state == "failed"]:
        where = f"{failed[0].table} {failed[0].month}".rstrip()  # a table may fail as a whole
        after = f"Look at {where} first ({failed[0].why.rstrip('.')}), then run this again."
    elif {m.state for m in found} <= {"fresh", "dropped"}:
        after = "docs/retention.md shows how DuckDB and pandas read it."
    say(
        f"{len(found)} months ({states or 'none is closed'}), {rows:,} rows, {size / 1e6:,.1f} MB "
        f"in {url_of(settings)}. {after}"
    )
