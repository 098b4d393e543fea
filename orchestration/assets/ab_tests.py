"""ab_test_results as an asset: computed in Python from the arms that dbt prepares."""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration.ab_tests import ARMS, DOMAIN, RESULTS, refresh_ab_test_results
from orchestration.automation import BY_CRON
from orchestration.manifest import Manifest
from orchestration.resources import pool_of
from orchestration.settings import Settings
from orchestration.translator import WarehouseTranslator


def build_ab_test_assets(settings: Settings, manifest: Manifest) -> list[dg.AssetsDefinition]:
    """The asset, where its domain is switched on; its source in dbt describes it."""
    if DOMAIN not in settings.domains:
        return []
    translator = WarehouseTranslator(settings.database_prefix)
    node = next(source for source in manifest["sources"].values() if source["name"] == RESULTS)

    @dg.asset(
        key=translator.get_asset_key(node),
        deps=[dg.AssetKey(["warehouse", ARMS])],
        group_name=f"{DOMAIN}_marts",
        description=translator.get_description(node),
        metadata=translator.get_metadata(node),
        owners=list(translator.get_owners(node)),
        kinds={manifest["metadata"]["adapter_type"], "pandas", "table"},
        automation_condition=BY_CRON,
        pool=pool_of(settings),
    )
    def ab_test_results(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(
            metadata={"dagster/row_count": refresh_ab_test_results(settings)}
        )

    return [ab_test_results]
