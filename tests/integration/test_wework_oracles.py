"""Every value of the wework statistics tables and views against pandas, on both engines.

The raw rows are the sample data, whole: three years of status history, four months of messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import wework_oracle as oracle
from harness import clean_environment

from orchestration import database
from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import build_metadata, table_named
from orchestration.schema.record import load_record
from orchestration.settings import Settings

DOMAINS = ("core", "wework")
AS_OF = datetime(2026, 6, 30, 23, 59, 59)


@dataclass(frozen=True)
class Relation:
    """A relation under test: its grain, its columns in order where they are fixed, its oracle."""

    grain: tuple[str, ...]
    expected: Callable[[oracle.Raw], oracle.Keyed]
    columns: str = ""


RELATIONS = {
    "wework_tenant_usage": Relation(("tenant_id", "stat_date"), oracle.tenant_usage),
    "wework_account_daily": Relation(("account_id", "stat_date"), oracle.account_daily),
    "wework_account_status_daily": Relation(
        ("account_id", "stat_date", "status"), oracle.account_status_daily
    ),
    "wework_account_health": Relation(("account_id",), oracle.account_health),
    "v_wework_account_overview": Relation(
        ("id",),
        oracle.account_overview,
        "id tenant_id account_name wework_guid status health_score message_success_rate "
        "uptime_percentage total_messages online_duration_hours contact_count group_count "
        "conversation_count open_alerts last_heartbeat_time created_at",
    ),
    "v_wework_message_stats": Relation(
        ("tenant_id", "account_id", "message_date", "direction", "message_type", "send_status"),
        oracle.message_stats,
        "tenant_id account_id message_date direction message_type send_status message_count "
        "avg_processing_time avg_response_time",
    ),
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wework tables of the demo scale as Parquet."""
    directory = tmp_path_factory.mktemp("sample")
    settings = Settings(
        target="embedded", duckdb_path=directory / "none", local_dir=directory, database_prefix="",
        domains=DOMAINS, as_of=AS_OF, environment={},
    )  # fmt: skip
    generate(settings, "demo", 1, AS_OF.date(), directory / "demo", domains=["wework"])
    return directory / "demo"


@pytest.fixture(scope="module")
def raw(sample: Path) -> oracle.Raw:
    """The generated rows as Python values, and tenants for all but one of them."""
    tables = {file.stem: _frame(file) for file in sample.rglob("*.parquet")}
    first: dict[str, datetime] = {}
    for account in tables["wework_accounts"].to_dict("records"):
        tenant = account["tenant_id"]
        first[tenant] = min(account["created_at"], first.get(tenant, account["created_at"]))
    # Each tenant some days before its first account; core does not know the last one.
    tables["saas_tenants"] = pd.DataFrame(
        {"id": tenant, "created_at": moment - timedelta(days=number)}
        for number, (tenant, moment) in enumerate(sorted(first.items())[:-1])
    ).astype(object)
    tables["saas_tenants"]["created_at"] = [
        pd.Timestamp(moment).to_pydatetime() for moment in tables["saas_tenants"]["created_at"]
    ]
    return oracle.Raw(tables, AS_OF)


def _frame(file: Path) -> pd.DataFrame:
    rows = pq.read_table(file)
    columns = {
        name: [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in column.to_pylist()]
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    return pd.DataFrame(columns, dtype=object)


@pytest.fixture(scope="module")
def built(module_engine_settings: Settings, sample: Path, raw: oracle.Raw) -> Settings:
    """Deployed, loaded and built from nothing."""
    settings = replace(module_engine_settings, as_of=AS_OF, domains=DOMAINS)
    oldest = min(raw.tables["wework_message_records"]["created_at"]).date()
    deploy(settings, oldest=oldest, progress=lambda _: None)
    load(settings, sample, domains=["wework"])
    dialect = "mysql" if settings.is_mysql else "duckdb"
    metadata = build_metadata(load_record(DOMAINS), dialect, settings.database_prefix)
    tenants = [
        {**row, "tenant_code": f"code-{row['id']}", "tenant_name": "租户"}
        for row in raw.rows("saas_tenants")
    ]
    with database.begin(settings) as connection:
        connection.execute(sa.insert(table_named(metadata, "saas_tenants")), tenants)
    with clean_environment():
        arguments = dbt_arguments(
            ["run", "--quiet"],
            target=settings.target,
            target_path=target_path(settings),
            select=" ".join(f"+{name}" for name in RELATIONS),
        )
        result = summarise(run_dbt(settings, arguments, lambda _: None).results, 0.0)
    assert result.failures == ()
    return settings


@cache
def _expected(name: str, raw: oracle.Raw) -> Mapping[Any, oracle.Row]:
    return RELATIONS[name].expected(raw)


@pytest.mark.parametrize("name", RELATIONS)
def test_every_value_equals_the_computation(built: Settings, raw: oracle.Raw, name: str) -> None:
    relation = RELATIONS[name]
    with database.connect(built) as connection:
        home = database.database_name(built, "wework_platform")
        result = connection.execute(sa.text(f"select * from {home}.{name}"))
        columns, rows = list(result.keys()), [dict(row) for row in result.mappings()]
    if relation.columns:
        assert columns == relation.columns.split()
    found = {tuple(row[part] for part in relation.grain): row for row in rows}
    assert len(found) == len(rows), "a grain occurs twice"
    wanted = _expected(name, raw)
    assert len(wanted) > 50
    assert differences(found, wanted)[:20] == []


def differences(found: Mapping[Any, oracle.Row], wanted: Mapping[Any, oracle.Row]) -> list[str]:
    """What differs, value by value."""
    lines = [f"missing: {key} {wanted[key]}" for key in wanted.keys() - found.keys()]
    lines += [f"unexpected: {key} {found[key]}" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        for name, value in wanted[key].items():
            actual = found[key][name]
            if isinstance(value, dict) and isinstance(actual, str):
                actual = json.loads(actual)
            if actual != value:
                lines.append(f"{key} {name}: {actual!r}, expected {value!r}")
    return lines
