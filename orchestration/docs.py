"""`warehouse docs`: everything that is described, as pages to open in a browser."""

from __future__ import annotations

from collections.abc import Callable

from orchestration import dbt_project
from orchestration.settings import Settings


def write_docs(settings: Settings, *, progress: Callable[[str], None]) -> list[str]:
    """dbt's docs (one static file) and the suites' pages; returns lines that say where they are."""
    from orchestration.validation import validate

    folder = settings.local_dir / "docs" / settings.target
    progress("writing the data dictionary and lineage (dbt docs generate) …")
    arguments = dbt_project.dbt_arguments(
        ["docs", "generate", "--static", "--quiet"],
        target=settings.target,
        target_path=folder,
    )
    dbt_project.run_dbt(settings, arguments)
    progress("validating, and writing the suites' pages …")
    report = validate(settings, docs_directory=folder / "suites")
    return [
        f"models, columns and lineage: {folder / 'static_index.html'}",
        f"quality suites ({report.passed} of {report.total} expectations hold): "
        f"{folder / 'suites' / 'index.html'}",
    ]
