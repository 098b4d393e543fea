"""`warehouse report` and `warehouse health-report`: on the screen, as JSON or as pages."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.options import AsJson, AsOf, Built, Target, at_work, progress, read_settings, say
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
    from orchestration.reports.page import render, write_private
    from orchestration.reports.words import LANGUAGES

    one_of("language", language, LANGUAGES)
    if out:
        _require_folder(out)
    settings = load_settings(target=target, as_of=as_of)
    days = _day("--start", start), _day("--end", end)
    with at_work("reading what was measured …"):
        found = run(
            settings, patient, *days, tenant=tenant, identified=identified, operator=operator
        )
    if out:
        write_private(out, render(found, language))
        progress(f"wrote {out}")
    say(found.to_json() if as_json else found.summary())


def report(
    domain: Annotated[
        list[str] | None,
        typer.Option(
            "--domain", "-d", help="executive (the default) or a domain; repeat for more."
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="One tenant's id or code; default all.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write a page (.html) here; a folder gets all pages, linked."),
    ] = None,
    language: Annotated[str, typer.Option("--lang", help="The pages' language: zh or en.")] = "zh",
    target: Built = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show what goes on: figures, trends and charts of the platform or of a domain, from the marts.

    A page is one file without scripts: it opens offline, follows light and dark, and prints.
    """
    from orchestration.reports.overview import EXECUTIVE, PAGES, overviews
    from orchestration.reports.overview_page import render, write_pages
    from orchestration.reports.page import write_private
    from orchestration.reports.words import LANGUAGES

    one_of("language", language, LANGUAGES)
    settings = read_settings(target, as_of=as_of)
    for name in domain or ():
        one_of("domain", name, tuple(PAGES))
    if out and out.suffix != ".html":
        with at_work("drawing the pages …"):
            files = write_pages(settings, out, language, tenant, domain)
        for file in files:
            say(f"wrote {file}")
        return
    with at_work("asking the marts …"):
        pages = overviews(settings, domain or [EXECUTIVE], tenant)
    if out:
        if len(pages) > 1:
            raise WarehouseError(
                f"{out} can hold one page, and {len(pages)} were asked for.",
                fix="name a folder: --out reports",
            )
        _require_folder(out)
        write_private(out, render(pages[0], language))
        progress(f"wrote {out}")
    for page in pages:
        say(page.to_json() if as_json else page.summary())


def _require_folder(out: Path) -> None:
    if not out.absolute().parent.is_dir():
        raise WarehouseError(
            f"There is no folder {out.absolute().parent} to write {out.name} to.",
            fix=f"mkdir -p {out.absolute().parent}",
        )


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise WarehouseError(
            f"{option} {text!r} is not a day.", fix="write it as 2026-06-30."
        ) from None
