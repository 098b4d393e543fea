"""`dbt build -s wework --target dev`: databases of one's own, filled from the shared sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa
from harness import clean_environment
from warehouses import ENGINES_SPARINGLY

from orchestration import database
from orchestration.dbt_project import BuildResult, dbt_arguments, run_dbt, summarise, target_path
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import PROJECT_ROOT, Settings

AS_OF = datetime(2026, 6, 30, 12)
# Long before the days that a build looks back to: a first build starts with the oldest row.
LONG_AGO = datetime(2026, 5, 3, 9)
# README.md's command; on MySQL its target is dev_mysql.
COMMAND = "dbt build -s wework --target dev"


def _build(settings: Settings, select: str = "wework") -> BuildResult:
    arguments = dbt_arguments(
        ["build", "--quiet"],
        target="dev_mysql" if settings.is_mysql else "dev",
        target_path=target_path(settings),
        select=select,
    )
    with clean_environment(USER="ann.lee"):
        return summarise(run_dbt(settings, arguments).results, 0.0)


def _insert(settings: Settings, table: str, **row: object) -> None:
    with database.begin(settings) as connection:
        connection.execute(sa.insert(table_named(metadata_of(settings), table)), [row])


def _query(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query in which `@` stands for the prefix of the databases."""
    with database.connect(settings) as connection:
        sql = sql.replace("@", settings.database_prefix)
        return [tuple(row) for row in connection.execute(sa.text(sql))]


@pytest.fixture(scope="module")
def settings(module_engine_settings: Settings) -> Settings:
    """Core and wework deployed, with one tenant, one account and one message of long ago."""
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("core", "wework"))
    deploy(settings, oldest=LONG_AGO.date(), progress=lambda _: None)
    _insert(
        settings, "saas_tenants", id="t1", tenant_code="t1", tenant_name="t", created_at=LONG_AGO
    )
    _insert(
        settings, "wework_accounts", id="a1", tenant_id="t1", account_name="a", created_at=LONG_AGO
    )
    _insert(
        settings, "wework_message_records", id="m1", message_id="m1", tenant_id="t1",
        account_id="a1", conversation_id="c1", from_type="user", from_id="a1",
        to_type="contact", to_id="c", direction="send", message_type="text",
        content="{}", send_status="sent",
        created_at=LONG_AGO,
    )  # fmt: skip
    return settings


@pytest.mark.parametrize("module_engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_a_developer_builds_beside_what_is_shared(settings: Settings) -> None:
    assert f"`{COMMAND}`" in (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    usage = "{}wework_platform.wework_tenant_usage"
    sent = f"select sent_messages from {usage} where stat_date = '{LONG_AGO:%Y-%m-%d}'"
    result = _build(settings)
    assert result.failures == ()
    assert result.built["model"] > 20 and result.tests_passed > 100
    assert _query(settings, sent.format("@dev_ann_lee_")) == [(1,)]
    again = _build(settings, "wework_tenant_usage")  # meets the table that the first one made
    assert again.failures == () and again.built == {"model": 1}
    assert _query(settings, sent.format("@dev_ann_lee_")) == [(1,)]

    assert _query(settings, sent.format("@")) == []
    there = _query(
        settings,
        "select table_schema, count(*) from information_schema.tables "
        "where table_type = 'VIEW' and substr(table_schema, 1, char_length('@')) = '@' "
        "group by table_schema order by table_schema"
        if settings.is_mysql
        else "select schema_name, count(*) from duckdb_views() where not internal "
        "group by schema_name order by schema_name",
    )
    prefix = settings.database_prefix
    assert [row[0].removeprefix(prefix) for row in there] == [
        "dev_ann_lee_warehouse_staging",
        "dev_ann_lee_wework_platform",
    ]
    snapshots = "select count(*) from information_schema.tables where table_schema = '{}warehouse' "
    snapshots += "and table_name = 'snap_wework__accounts'"
    assert _query(settings, snapshots.format("@dev_ann_lee_")) == [(1,)]
    assert _query(settings, snapshots.format("@")) == [(0,)]
    if settings.is_mysql:  # keys and partitions are the deployed table's
        shape = (
            "select count(*) from information_schema.{} where table_schema = '@{}warehouse' "
            "and table_name = 'fct_messages'"
        )
        for what in ("statistics", "partitions"):
            own, shared = (
                _query(settings, shape.format(what, who)) for who in ("dev_ann_lee_", "")
            )
            assert own == shared


def test_without_a_deployed_table_it_says_so(settings: Settings) -> None:
    """The shared table is gone, and the developer's own too."""
    name = "wework_platform.wework_account_daily"
    with database.begin(settings) as connection:
        for prefix in ("", "dev_ann_lee_"):
            table = database.database_name(settings, f"{prefix}{name}")
            connection.exec_driver_sql(f"drop table if exists {table}")
    (failure,) = _build(settings, "wework_account_daily").failures
    assert "Run `warehouse deploy`" in failure
    where = failure.partition(" is not deployed")[0]
    assert "wework_account_daily" in where and "dev_" not in where
