"""ab_test_results in a database: replaced as a whole or not at all, on both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from orchestration import database
from orchestration.ab_tests import ARMS, COPIED, RESULTS, refresh_ab_test_results
from orchestration.assets.ab_tests import build_ab_test_assets
from orchestration.errors import WarehouseError
from orchestration.schema.deploy import deploy
from orchestration.settings import Settings

WHOLE = ("participants", "conversions", "control_participants", "control_conversions")


def arms_table(settings: Settings) -> sa.Table:
    """What dbt would build, without keys, so that the results' own can be broken."""
    kinds = {"is_control": sa.Boolean(), **dict.fromkeys(WHOLE, sa.BigInteger())}
    return sa.Table(
        ARMS,
        sa.MetaData(),
        *(sa.Column(name, kinds.get(name, sa.String(255))) for name in COPIED),
        schema=database.database_name(settings, "warehouse"),
    )


def arm(name: str, participants: int, conversions: int, **more: Any) -> dict[str, Any]:
    """An arm of a test whose control is `control`."""
    return {
        "ab_test_arm_id": f"x1-{name}", "ab_test_id": "x1", "tenant_id": "t1", "arm_name": name,
        "is_control": name == "control", "participants": participants, "conversions": conversions,
        "control_arm_name": "control", "control_participants": 200, "control_conversions": 20,
        **more,
    }  # fmt: skip


def results(settings: Settings) -> list[dict[str, Any]]:
    """The table's rows, by arm."""
    name = f"{database.database_name(settings, 'warehouse')}.{RESULTS}"
    with database.connect(settings) as connection:
        found = connection.execute(sa.text(f"select * from {name} order by ab_test_arm_id"))
        return [dict(row) for row in found.mappings()]


def materialized(settings: Settings) -> Any:
    """The rows that the asset says it wrote."""
    node = {
        "name": RESULTS, "resource_type": "source", "identifier": RESULTS,
        "schema": database.database_name(settings, "warehouse"),
        "original_file_path": "models/marts/business/_.yml", "relation_name": RESULTS,
        "description": "One row per arm.", "meta": {}, "columns": {}, "database": "main",
        "unique_id": f"source.{RESULTS}", "tags": [],
    }  # fmt: skip
    manifest = {"metadata": {"adapter_type": "duckdb"}, "sources": {node["unique_id"]: node}}
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = dg.materialize(
            build_ab_test_assets(settings, manifest),
            resources={"settings": settings},
            instance=instance,
        )
    [event] = outcome.asset_materializations_for_node(f"warehouse__{RESULTS}")
    assert event.asset_key == dg.AssetKey(["warehouse", RESULTS])
    return event.metadata["dagster/row_count"].value


def test_results_are_replaced_as_a_whole_or_not_at_all(engine_settings: Settings) -> None:
    settings = replace(engine_settings, domains=("core", "business"))
    deploy(settings, progress=lambda _: None)
    with pytest.raises(WarehouseError):
        refresh_ab_test_results(settings)  # dbt has not been here
    arms = arms_table(settings)
    with database.begin(settings) as connection:
        arms.create(connection)
        rows = [arm("control", 200, 20), arm("b", 200, 12), arm("🎉", 0, 0)]
        connection.execute(sa.insert(arms), rows)

    assert refresh_ab_test_results(settings) == 3
    first = results(settings)
    assert [row["arm_name"] for row in first] == ["b", "control", "🎉"]
    assert round(first[0]["p_value"], 4) == 0.1404
    assert first[0]["has_enough_sample"] == 1
    assert first[2]["participants"] == 0 and first[2]["p_value"] is None
    assert materialized(settings) == 3
    assert results(settings) == first

    with database.begin(settings) as connection:
        connection.execute(sa.insert(arms), [arm("c", 300, 30), arm("c", 300, 30)])
    with pytest.raises(sa.exc.IntegrityError):
        refresh_ab_test_results(settings)
    assert results(settings) == first

    with database.begin(settings) as connection:
        connection.execute(sa.delete(arms))
    assert refresh_ab_test_results(settings) == 0
    assert results(settings) == []
    assert refresh_ab_test_results(replace(settings, domains=("core",))) == 0
