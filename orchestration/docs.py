"""`warehouse docs`: everything that is described, as one site to open in a browser."""

from __future__ import annotations

import functools
import http.server
import json
from collections.abc import Callable
from pathlib import Path

from orchestration import clock, dbt_project
from orchestration.errors import WarehouseError
from orchestration.settings import Settings


def write_docs(settings: Settings, *, progress: Callable[[str], None]) -> list[str]:
    """Write the site; returns lines that say where it is and what is in it."""
    from orchestration.reports.dictionary import relations, write_dictionary, write_index
    from orchestration.reports.overview_page import write_pages
    from orchestration.validation import validate

    folder = site_folder(settings)
    progress("writing models, columns and lineage (dbt docs generate) …")
    arguments = dbt_project.dbt_arguments(
        ["docs", "generate", "--static", "--quiet"],
        target=settings.target,
        target_path=folder / "dbt",
    )
    dbt_project.run_dbt(settings, arguments)
    progress("writing the data dictionary …")
    manifest = json.loads((folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    found = relations(manifest, settings.domains)
    pages = write_dictionary(found, folder / "dictionary")
    progress("writing the reports …")
    reports = [*write_pages(settings, folder / "reports", "zh"),
               *write_pages(settings, folder / "reports" / "en", "en")]  # fmt: skip
    progress("validating, and writing the suites' pages …")
    report = validate(settings, docs_directory=folder / "suites")
    columns = sum(len(relation.columns) for relation in found)
    write_index(
        folder / "index.html",
        settings.built_on,
        f"{clock.now(settings):%Y-%m-%d %H:%M}",
        [
            (
                "dictionary/index.html",
                "Data dictionary · 数据字典",
                f"What is in which table: {len(found)} tables and views with {columns:,} columns, "
                "their grain, classes, labels of codes and readers. Begin here to find a figure. "
                "查找表与列的含义、粒度、分级、代码标签与使用者。",
            ),
            (
                "reports/index.html",
                "Reports · 报告",
                "Charts and figures of the platform and of each domain, for people who look rather "
                "than query. 平台与各域的图表。",
            ),
            (
                "reports/en/index.html",
                "Reports in English · 英文报告",
                "The same pages. 内容相同。",
            ),
            (
                "dbt/static_index.html",
                "Models and lineage · 模型与血缘",
                "dbt's own docs: each model's SQL and tests, and the graph of what it is made of. "
                "每个模型的 SQL、测试与血缘图。",
            ),
            (
                "suites/index.html",
                "Quality suites · 质量套件",
                f"What is expected of sources and outputs, and whether it holds: {report.passed} "
                f"of {report.total} expectations do. 对源数据与输出的期望及其结果。",
            ),
        ],
    )
    return [
        f"open {folder / 'index.html'}",
        f"  data dictionary: {len(pages)} pages, {len(found)} tables, {columns:,} columns",
        f"  reports: {len(reports)} pages",
        "  models, columns and lineage: dbt's docs",
        f"  quality suites: {report.passed} of {report.total} expectations hold",
    ]


def site_folder(settings: Settings) -> Path:
    """Where the site of the chosen engine is written."""
    return settings.local_dir / "docs" / settings.built_on


def serve(settings: Settings, port: int, *, say: Callable[[str], None]) -> None:
    """Serve what was written to this machine alone, until Ctrl-C."""
    folder = site_folder(settings)
    if not (folder / "index.html").exists():
        raise WarehouseError(f"There is no site in {folder}.", fix="run `warehouse docs` first.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise WarehouseError(
            f"Port {port} cannot be used: {error.strerror}.", fix="choose another with --port."
        ) from error
    with server:
        say(f"http://127.0.0.1:{server.server_port}/ until Ctrl-C")
        server.serve_forever()
