"""`warehouse lineage`: what becomes of classified columns."""

from __future__ import annotations

import typer

from orchestration.options import Target, say
from orchestration.settings import load_settings


def lineage(target: Target = None) -> None:
    """Follow secret, pii and phi columns through all models; exit code 1 where one leaks."""
    from orchestration.governance.project import compile_project, examine

    settings = load_settings(target=target)
    report = examine(compile_project(settings), settings.target, settings.database_prefix)
    say(report.summary())
    raise typer.Exit(1 if report.leaks else 0)
