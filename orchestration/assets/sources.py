"""The application tables as observable assets: how many rows, and how new, without a full count."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import sqlalchemy as sa

from orchestration import clock, database
from orchestration.freshness import Bounds, bounds_of, newest_row
from orchestration.manifest import Manifest
from orchestration.settings import Settings
from orchestration.translator import WarehouseTranslator, domain_of


def build_source_assets(settings: Settings, manifest: Manifest) -> list[dg.AssetsDefinition]:
    """One definition a domain that is switched on, with an asset for each application table."""
    translator = WarehouseTranslator(settings.database_prefix)
    bounds = {
        translator.get_asset_key(source): bounds_of(source)
        for source in manifest["sources"].values()
        if source.get("loaded_at_field")
    }
    return [
        _observable(domain, _specs(manifest, translator, domain), bounds)
        for domain in settings.domains
        if any(domain_of(source) == domain for source in manifest["sources"].values())
    ]


def _specs(manifest: Manifest, translator: WarehouseTranslator, domain: str) -> list[dg.AssetSpec]:
    engine = manifest["metadata"]["adapter_type"]
    return [
        dg.AssetSpec(
            key=translator.get_asset_key(source),
            description=translator.get_description(source),
            metadata=translator.get_metadata(source),
            group_name=translator.get_group_name(source),
            owners=translator.get_owners(source),
            kinds={engine, "source"},
        )
        for _, source in sorted(manifest["sources"].items())
        # What Dagster itself fills is an asset of its own.
        if domain_of(source) == domain and source["meta"].get("built_by") != "dagster"
    ]


def _observable(
    domain: str, specs: Sequence[dg.AssetSpec], bounds: Mapping[dg.AssetKey, Bounds]
) -> dg.AssetsDefinition:
    def observe(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.ObserveResult]:
        now = clock.now(settings)
        with database.connect(settings, read_only=True) as connection:
            keys = sorted(context.selected_asset_keys)
            known = catalog(connection, settings, keys[0].path[0])
            for key in keys:
                if (found := known.get(key.path[1])) is None:
                    context.log.warning(f"{key.to_user_string()} is not deployed.")
                    continue
                if key in bounds:
                    newest = newest_row(connection, settings, bounds[key], now)
                    oldest = bounds[key].oldest(bounds[key].error, now)
                    found |= {"newest row": str(newest or f"none since {oldest}")}
                yield dg.ObserveResult(asset_key=key, metadata=found)

    with warnings.catch_warnings():
        # The decorator is in beta, which Dagster would say at every load.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.multi_observable_source_asset(
            name=f"observe_{domain}", specs=specs, can_subset=True
        )(observe)


def catalog(connection: sa.Connection, settings: Settings, name: str) -> dict[str, dict[str, Any]]:
    """What the engine's own catalog tells of each table of a database, as asset metadata.

    Rows are exact on DuckDB and estimates on MySQL. Only MySQL knows when a table was last
    written, and only since its server started.
    """
    schema = {"name": database.database_name(settings, name)}
    if settings.is_mysql:
        # Else the server answers from a cache that is up to a day old.
        connection.exec_driver_sql("set session information_schema_stats_expiry = 0")
    found = connection.execute(_CATALOG[settings.is_mysql], schema).all()
    return {table: _told(rows, written) for table, rows, written in found}


_CATALOG = {
    True: sa.text(
        "select table_name, table_rows, update_time from information_schema.tables "
        "where table_schema = :name and table_type = 'BASE TABLE'"
    ),
    False: sa.text(
        "select table_name, estimated_size, null from duckdb_tables() where schema_name = :name"
    ),
}


def _told(rows: int | None, written: datetime | None) -> dict[str, Any]:
    told: dict[str, Any] = {"dagster/row_count": int(rows or 0)}
    return {**told, "last written": str(written)} if written else told
