"""The lake as assets: each archived table's closed months as partitions, filled by `sync`."""

import warnings
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from orchestration.lake.months import Month, lake_tables, sync, url_of
from orchestration.manifest import Manifest
from orchestration.partitions import monthly_partitions
from orchestration.resources import DUCKDB_POOL
from orchestration.retention.policy import months_name
from orchestration.schema.record import Table
from orchestration.settings import Settings
from orchestration.translator import Node, WarehouseTranslator

LAKE = "lake"


def build_lake_assets(settings: Settings, manifest: Manifest) -> list[dg.AssetsDefinition]:
    """One asset a table that policy archives, of the domains that are switched on."""
    translator = WarehouseTranslator(settings.database_prefix)
    nodes = {
        translator.get_asset_key(node): node
        for node in (*manifest["sources"].values(), *manifest["nodes"].values())
        if node["resource_type"] in ("source", "model")
    }
    return [
        _asset(settings, table, nodes[dg.AssetKey([table.database, table.name])], translator)
        for table in lake_tables(settings)
    ]


def _asset(
    settings: Settings, table: Table, node: Node, translator: WarehouseTranslator
) -> dg.AssetsDefinition:
    def months(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult[Any]:
        asked = [date.fromisoformat(key) for key in context.partition_keys]
        found = list(sync(settings, [table.name], asked, context.log.info))
        if failed := [month for month in found if month.state == "failed"]:
            told = "; ".join(f"{month.month}: {month.why}".lstrip(": ") for month in failed)
            raise dg.Failure(f"{table.name}: {told}", metadata=metadata_of(settings, found))
        there = {month.month: month for month in found}
        for key, month in zip(context.partition_keys, map(months_name, asked), strict=True):
            told = metadata_of(settings, [there[month]] if month in there else [])
            context.add_asset_metadata(told, context.asset_key, key)
        return dg.MaterializeResult()

    with warnings.catch_warnings():
        # The backfill policy is in beta, which Dagster would say at every load.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.asset(
            key=dg.AssetKey([LAKE, table.name]),
            deps=[translator.get_asset_key(node)],
            partitions_def=monthly_partitions(settings),
            # A range of months is one look at the table.
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name=f"{table.domain}_{LAKE}",
            description=(
                f"Closed months of {table.name} as Parquet, one file a month, made as they close "
                f"and again when a row comes or changes.\n\n{translator.get_description(node)}"
            ),
            owners=list(translator.get_owners(node)),
            kinds={"parquet", "python"},
            pool=None if settings.is_mysql else DUCKDB_POOL,
        )(months)


def metadata_of(settings: Settings, found: Sequence[Month]) -> dict[str, Any]:
    """What the page of a month shows; one without rows, or not closed yet, has no file."""
    files = [month for month in found if month.checksum]
    return {
        "dagster/row_count": sum(month.rows for month in files),
        "rows online": sum(month.online for month in found),
        "files": sum(month.files for month in files),
        "bytes": sum(month.bytes for month in files),
        "checksum": " ".join(month.checksum for month in files) or "none",
        "state": ", ".join(sorted({month.state for month in found})) or "no rows",
        "lake": url_of(settings),
    }
