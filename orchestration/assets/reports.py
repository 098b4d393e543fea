"""The report's pages as an asset behind the marts that they show, made by the daily build."""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration.reports.overview import READS
from orchestration.resources import pool_of
from orchestration.settings import PLATFORM, Settings

LANGUAGE = "zh"


def build_report_assets(
    settings: Settings, models: dg.AssetsDefinition
) -> list[dg.AssetsDefinition]:
    """One asset for all pages; it reads what stands among `models`, the domains switched on."""
    built = set(models.keys)
    read = [dg.AssetKey(relation.split(".")) for relation in READS]

    @dg.asset(
        key=dg.AssetKey(["warehouse", "report_pages"]),
        deps=[key for key in read if key in built],
        group_name=f"{PLATFORM}_marts",
        description=(
            "One HTML page for the platform and one for each domain: figures with their trends, "
            "heat maps, funnels, cohorts. Files without scripts, written to reports/<target> in "
            "WAREHOUSE_LOCAL_DIR; `warehouse report` writes the same anywhere.\n\n报告页面"
        ),
        owners=[f"team:{PLATFORM}"],
        kinds={"python", "html"},
        pool=pool_of(settings),
    )
    def report_pages(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[Any]:
        # matplotlib: not needed to show the graph
        from orchestration.reports.overview_page import write_pages

        folder = settings.local_dir / "reports" / settings.built_on
        files = write_pages(settings.reading, folder, LANGUAGE)
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(str(files[0])),
                "pages": len(files),
                "bytes": sum(file.stat().st_size for file in files),
            }
        )

    return [report_pages]
