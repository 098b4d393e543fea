"""Every dbt model, seed and snapshot as an asset, and every dbt test as an asset check.

One definition holds them all, daily tables (partitions) and others: whatever part of the graph a
run asks for is one `dbt build`, in dbt's own order, tests between the models included.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from orchestration.manifest import Manifest
from orchestration.partitions import OWN_WINDOWS, daily_partitions, window_variables
from orchestration.resources import Dbt, pool_of
from orchestration.settings import DOMAINS, Settings
from orchestration.translator import Node, WarehouseTranslator, domain_of

ASSET_TYPES = ("model", "seed", "snapshot")


def build_dbt_assets(settings: Settings, manifest: Manifest) -> dg.AssetsDefinition:
    """All nodes of the domains that are switched on, and what these read of the others."""
    manifest = without_absent_sources(with_attached_tests(manifest), settings.domains)
    translator = WarehouseTranslator(settings.database_prefix, daily_partitions(settings))

    @dbt_assets(
        manifest=manifest,
        select=" ".join(node["name"] for node in wanted_nodes(manifest, settings.domains)),
        name="dbt_build",
        dagster_dbt_translator=translator,
        # A range of days is one window, so one run.
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool_of(settings),
    )
    def dbt_build(context: dg.AssetExecutionContext, dbt: dg.ResourceParam[Dbt]) -> Iterator[Any]:
        yield from dbt.build(context, manifest, translator, window_of(context))

    return dbt_build


def window_of(context: dg.AssetExecutionContext) -> dict[str, str]:
    """dbt's vars for the days that the run was asked for.

    Each model's own lookback without days, and in runs that say so: Dagster wants days for every
    run in which something is read that is built by days.
    """
    if OWN_WINDOWS in context.run.tags:
        return {}
    if context.has_partition_key:
        return window_variables(context.partition_key, context.partition_key)
    if not context.has_partition_key_range:
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


def without_absent_sources(manifest: Manifest, domains: Sequence[str]) -> Manifest:
    """The manifest in which nothing reads sources of domains that are switched off.

    Their staging is empty there and really reads nothing; Dagster would show a nameless asset for
    each of these tables.
    """
    off = set(DOMAINS) - set(domains)
    absent = {key for key, source in manifest["sources"].items() if domain_of(source) in off}

    def cut(node: Node) -> Node:
        read = [key for key in node["depends_on"]["nodes"] if key not in absent]
        return {**node, "depends_on": {**node["depends_on"], "nodes": read}}

    nodes = {
        key: cut(node) if absent.intersection(node.get("depends_on", {}).get("nodes", ())) else node
        for key, node in manifest["nodes"].items()
    }
    return {**manifest, "nodes": nodes}


def _depth(manifest: Manifest, unique_id: str) -> int:
    """The longest way from the node to a source."""
    parents = manifest["parent_map"].get(unique_id, [])
    return 1 + max((_depth(manifest, parent) for parent in parents), default=-1)
