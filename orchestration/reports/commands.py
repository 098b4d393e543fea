"""`warehouse health-report`: one patient over some days, on the screen, as JSON or as a page."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.options import AsJson, AsOf, Target, progress, say
from orchestration.settings import load_settings, one_of


def health_report(
    patient: Annotated[str, typer.Argument(help="The patient's id or code.")],
    start: Annotated[
        str | None, typer.Option(help="First business day; default 29 days before the last.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Last business day, included; default today.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a printable page (HTML) here.")
    ] = None,
    language: Annotated[str, typer.Option("--lang", help="The page's language: zh or en.")] = "zh",
    tenant: Annotated[str | None, typer.Option(help="Where several tenants have the code.")] = None,
    identified: Annotated[
        bool, typer.Option("--identified", help="Show who it is; goes into the audit log first.")
    ] = False,
    operator: Annotated[
        str | None, typer.Option(help="Who asks, beside the OS user, for the audit log.")
    ] = None,
    target: Target = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Report on one patient over some days: signs, alerts, checkups, records; masked by default."""
    from orchestration.reports.health import health_report as run
    from orchestration.reports.page import render
    from orchestration.reports.words import LANGUAGES

    one_of("language", language, LANGUAGES)
    if out and not out.absolute().parent.is_dir():
        raise WarehouseError(
            f"There is no folder {out.absolute().parent} to write {out.name} to.",
            fix=f"mkdir -p {out.absolute().parent}",
        )
    report = run(
        load_settings(target=target, as_of=as_of),
        patient,
        _day("--start", start),
        _day("--end", end),
        tenant=tenant,
        identified=identified,
        operator=operator,
    )
    if out:
        write_private(out, render(report, language))
        progress(f"wrote {out}")
    say(report.to_json() if as_json else report.summary())


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise WarehouseError(
            f"{option} {text!r} is not a day.", fix="write it as 2026-06-30."
        ) from None


def write_private(file: Path, text: str) -> None:
    """The whole file or none, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
