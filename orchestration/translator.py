"""How a dbt node appears in Dagster: key, group, owner and words, all from its path and YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from orchestration.manifest import Manifest
from orchestration.settings import DOMAINS, PLATFORM

Node = Mapping[str, Any]


def domain_of(node: Node) -> str:
    """The domain that the node's path names; `platform` for what belongs to none or to all."""
    folders = PurePosixPath(node["original_file_path"]).parts
    return next((folder for folder in folders if folder in DOMAINS), PLATFORM)


def layer_of(node: Node) -> str:
    """sources, staging, views, rollups, marts, seeds or snapshots, as the path says."""
    if node["resource_type"] == "source":
        return "sources"
    folders = PurePosixPath(node["original_file_path"]).parts[:-1]
    known = ("staging", "views", "rollups", "marts", "seeds", "snapshots")
    return next((folder for folder in reversed(folders) if folder in known), "marts")


def is_daily(node: Node) -> bool:
    """Whether the node is built by days: a window table with a column of days or instants."""
    config = node.get("config", {})
    is_window = config.get("materialized") in ("window", "keyed_window")
    return is_window and bool(config.get("window_column"))


class WarehouseTranslator(DagsterDbtTranslator):
    """Keys are [database, table] under their own names, whatever the installation's prefix."""

    def __init__(self, prefix: str = "", days: dg.PartitionsDefinition | None = None) -> None:
        """`prefix` is WAREHOUSE_DATABASE_PREFIX, which the manifest's names carry."""
        # Source tables are assets of their own (assets/sources.py), described there.
        super().__init__(DagsterDbtTranslatorSettings(enable_source_metadata=False))
        self._prefix = prefix
        self._days = days

    def get_asset_key(self, dbt_resource_props: Node) -> dg.AssetKey:
        """[database, table]."""
        table = dbt_resource_props.get("identifier") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"].removeprefix(self._prefix), table])

    def get_group_name(self, dbt_resource_props: Node) -> str:
        """<domain>_<layer>."""
        return f"{domain_of(dbt_resource_props)}_{layer_of(dbt_resource_props)}"

    def get_partitions_def(self, dbt_resource_props: Node) -> dg.PartitionsDefinition | None:
        """Days for what is built by days."""
        return self._days if is_daily(dbt_resource_props) else None

    def get_description(self, dbt_resource_props: Node) -> str:
        """The YAML's words, which open with the grain, and the Chinese label."""
        label = dbt_resource_props.get("meta", {}).get("label_zh")
        text = dbt_resource_props.get("description") or ""
        return "\n\n".join(part for part in (text.strip(), label) if part)

    def get_owners(self, dbt_resource_props: Node) -> Sequence[str]:
        """The team in meta.owner, else the domain's."""
        owner = dbt_resource_props.get("meta", {}).get("owner") or domain_of(dbt_resource_props)
        return [f"team:{str(owner).replace('-', '_')}"]

    def get_metadata(self, dbt_resource_props: Node) -> Mapping[str, Any]:
        """Column schema and table name, and the layer of the company's own architecture."""
        layer = dbt_resource_props.get("meta", {}).get("layer")
        return {
            **super().get_metadata(dbt_resource_props),
            **({"layer": layer} if layer else {}),
        }

    def get_asset_spec(self, manifest: Manifest, unique_id: str, project: Any) -> dg.AssetSpec:
        """As dagster-dbt makes it, with how the node is materialised among its kinds."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        materialized = node.get("config", {}).get("materialized")
        kinds = {*spec.kinds, materialized} - {None}
        return spec.replace_attributes(kinds=kinds)
