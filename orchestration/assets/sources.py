"""The application tables as observable assets: how many rows, told by the engine's own catalog."""

import warnings
from collections.abc import Iterator, Sequence

import dagster as dg
import sqlalchemy as sa

from orchestration import database
from orchestration.manifest import Manifest
from orchestration.settings import Settings
from orchestration.translator import WarehouseTranslator, domain_of


def build_source_assets(settings: Settings, manifest: Manifest) -> list[dg.AssetsDefinition]:
    """One definition a domain that is switched on, with an asset for each application table."""
    translator = WarehouseTranslator(settings.database_prefix)
    return [
        _observable(domain, _specs(manifest, translator, domain))
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


def _observable(domain: str, specs: Sequence[dg.AssetSpec]) -> dg.AssetsDefinition:
    def observe(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.ObserveResult]:
        keys = sorted(context.selected_asset_keys)
        rows = estimated_rows(settings, keys[0].path[0])
        for key in keys:
            found = rows.get(key.path[1])
            if found is None:
                context.log.warning(f"{key.to_user_string()} is not deployed.")
            else:
                yield dg.ObserveResult(asset_key=key, metadata={"dagster/row_count": found})

    with warnings.catch_warnings():
        # The decorator is in beta, which Dagster would say at every load.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.multi_observable_source_asset(
            name=f"observe_{domain}", specs=specs, can_subset=True
        )(observe)


def estimated_rows(settings: Settings, name: str) -> dict[str, int]:
    """Rows of each table of a database, from the catalog: exact on DuckDB, estimates on MySQL."""
    catalog = (
        "select table_name, table_rows from information_schema.tables "
        "where table_schema = :name and table_type = 'BASE TABLE'"
        if settings.is_mysql
        else "select table_name, estimated_size from duckdb_tables() where schema_name = :name"
    )
    with database.connect(settings, read_only=True) as connection:
        found = connection.execute(
            sa.text(catalog), {"name": database.database_name(settings, name)}
        ).all()
    return {table: int(rows or 0) for table, rows in found}
