"""Every dbt model, seed and snapshot as an asset, and every dbt test as an asset check.

Three definitions, by how they are built: staging (views, rebuilt when their SQL changes), daily
(tables built by days: partitions) and marts (the rest). One dbt start serves a whole definition.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from orchestration.manifest import Manifest
from orchestration.partitions import daily_partitions, window_variables
from orchestration.resources import Dbt, pool_of
from orchestration.settings import DOMAINS, Settings
from orchestration.translator import Node, WarehouseTranslator, domain_of, is_daily, layer_of

ASSET_TYPES = ("model", "seed", "snapshot")


def build_dbt_assets(settings: Settings, manifest: Manifest) -> list[dg.AssetsDefinition]:
    """The definitions that hold any node of the domains that are switched on."""
    manifest = with_attached_tests(manifest)
    translator = WarehouseTranslator(settings.database_prefix)
    nodes = wanted_nodes(manifest, settings.domains)

    def define(
        name: str, belongs: Callable[[Node], bool], partitions: dg.PartitionsDefinition | None
    ) -> list[dg.AssetsDefinition]:
        names = sorted(node["name"] for node in nodes if belongs(node))
        if not names:
            return []

        @dbt_assets(
            manifest=manifest,
            select=" ".join(names),
            name=name,
            dagster_dbt_translator=translator,
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            pool=pool_of(settings),
        )
        def build(context: dg.AssetExecutionContext, dbt: dg.ResourceParam[Dbt]) -> Iterator[Any]:
            yield from dbt.build(context, manifest, translator, window_of(context))

        return [build]

    return [
        *define("staging", _is_staging, None),
        *define("daily", is_daily, daily_partitions(settings)),
        *define("marts", lambda node: not (_is_staging(node) or is_daily(node)), None),
    ]


def window_of(context: dg.AssetExecutionContext) -> dict[str, str]:
    """dbt's vars for the days that the run was asked for; without days, dbt's own lookback."""
    if context.assets_def.partitions_def is None or not context.has_partition_key_range:
        return {}
    days = context.partition_key_range
    return window_variables(days.start, days.end)


def wanted_nodes(manifest: Manifest, domains: Sequence[str]) -> list[Node]:
    """Nodes of the domains that run, of the platform, and what these read from other domains.

    Staging of a domain that is switched off is typed and empty; it stays only where it is read.
    """
    everything = {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in ASSET_TYPES
        and node["config"].get("materialized") != "ephemeral"
    }
    off = set(DOMAINS) - set(domains)
    pending = [key for key, node in everything.items() if domain_of(node) not in off]
    wanted: set[str] = set()
    while pending:
        key = pending.pop()
        if key in everything and key not in wanted:
            wanted.add(key)
            pending += manifest["parent_map"].get(key, [])
    return [everything[key] for key in sorted(wanted)]


def with_attached_tests(manifest: Manifest) -> Manifest:
    """The manifest with every singular test attached to one node, so that it is a check of it.

    dagster-dbt wants meta.dagster.ref where a test reads several nodes; we choose the one that is
    built last (the others lead to it), the name deciding between equals.
    """
    nodes = dict(manifest["nodes"])
    for unique_id, test in manifest["nodes"].items():
        if test["resource_type"] != "test" or test.get("attached_node"):
            continue
        read = [key for key in test["depends_on"]["nodes"] if key in nodes]
        if len(read) < 2 or test.get("meta", {}).get("dagster"):
            continue
        last = max(read, key=lambda key: (_depth(manifest, key), key))
        nodes[unique_id] = {**test, "attached_node": last}
    return {**manifest, "nodes": nodes}


def _depth(manifest: Manifest, unique_id: str) -> int:
    """The longest way from the node to a source."""
    parents = manifest["parent_map"].get(unique_id, [])
    return 1 + max((_depth(manifest, parent) for parent in parents), default=-1)


def _is_staging(node: Node) -> bool:
    return layer_of(node) == "staging"
