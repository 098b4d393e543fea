"""Write-backs as assets: behind the table that dbt builds, in the same graph and the same run."""

from typing import Any

import dagster as dg

from orchestration.automation import AT_ONCE
from orchestration.manifest import Manifest
from orchestration.operating import Choice, operate
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Operation
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.resources import pool_of
from orchestration.settings import DATABASES, Settings

BY_NAME = {operation.name: operation for operation in OPERATIONS}


def key_of(name: str) -> dg.AssetKey:
    """[database, operation]: what it writes are columns of that database's tables."""
    return dg.AssetKey([DATABASES[BY_NAME[name].domain], name])


def build_write_back_assets(settings: Settings, manifest: Manifest) -> list[dg.AssetsDefinition]:
    """One asset a write-back of the domains that are switched on."""
    engine = manifest["metadata"]["adapter_type"]
    return [
        _asset(settings, BY_NAME[name], engine)
        for name in WRITE_BACKS
        if BY_NAME[name].domain in settings.domains
    ]


def _asset(settings: Settings, operation: Operation, engine: str) -> dg.AssetsDefinition:
    this, database = WRITE_BACKS[operation.name], DATABASES[operation.domain]
    written = ", ".join(to for _, to in this.pairs)

    @dg.asset(
        key=key_of(operation.name),
        deps=[dg.AssetKey([database, this.model])],
        group_name=f"{operation.domain}_write_backs",
        description=f"{operation.sentence}\n\nColumns of {this.table}: {written}.",
        owners=[f"team:{operation.domain}"],
        kinds={engine, "operation"},
        automation_condition=AT_ONCE,
        pool=pool_of(settings),
    )
    def write_back(
        config: Choice, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=operate(operation, settings, config))

    return write_back
