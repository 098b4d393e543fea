"""Spark's files, written by hand where a test is not about Spark, and DuckDB's file over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lake.days import Day
from orchestration.settings import Settings
from orchestration.spark import reader

HOME = "ai_agent_platform"
NO_DAY = Day("2026-06-30", "2026-06-30 23:59:59", "none", "2026-06-01", {})


def node(
    name: str,
    columns: Mapping[str, str],
    materialized: str = "table",
    home: str = HOME,
    **config: Any,
) -> Any:
    """As dbt's manifest has a model."""
    return {
        "unique_id": f"model.{name}",
        "resource_type": "model",
        "name": name,
        "alias": name,
        "schema": home,
        "config": {"materialized": materialized, **config},
        "columns": {c: {"name": c, "data_type": kind} for c, kind in columns.items()},
        "depends_on": {"nodes": []},
    }


def manifest_of(*nodes: Any) -> Any:
    """A manifest of these alone."""
    return {"nodes": {each["unique_id"]: each for each in nodes}}


def write(
    settings: Settings, table: str, rows: pa.Table, under: str = "", home: str = HOME
) -> Path:
    """A file of a table of Spark's."""
    folder = settings.spark_dir / "warehouse" / f"{home}.db" / table / under
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / "part-0.snappy.parquet")
    return folder


def begun(settings: Settings, *nodes: Any) -> Settings:
    """The file over these tables, and over no source."""
    return reader.begin(replace(settings, domains=()), manifest_of(*nodes), NO_DAY)


def rows_of(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """What a DuckDB file answers."""
    with duckdb.connect(str(settings.duckdb_path), read_only=True) as connection:
        return connection.execute(query).fetchall()
