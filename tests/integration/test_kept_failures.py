"""What dbt tests keep of the rows that they find: warnings theirs, in warehouse_audit, by keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from harness import Compiled, DbtCompiler
from rows import insert, make_tables
from warehouses import AS_OF, dbt

from orchestration import database
from orchestration.settings import Settings

RECEIPTS = "assert_fct_messages_receipts_in_order"
ACCOUNTS = "relationships_wework_account_daily_account_id__account_id__ref_stg_wework__accounts_"
# dbt gives a long name's table this much of it, and a hash.
NAMED = 30
# How often something is there: of many rows, and of nobody.
COUNTS = {
    "current_versions", "calls", "messages", "attempts", "total_records", "counted_records",
    "events_of_unknown_customers", "events_of_unknown_behaviors", "joined_too_many",
    "left_too_many", "failures_too_many", "change_number",
}  # fmt: skip


@pytest.fixture(scope="module")
def warnings() -> Compiled:
    """The tests that only warn, compiled, and a manifest of everything."""
    return DbtCompiler("embedded").compile(["config.severity:warn"], {})


def test_warnings_keep_their_rows_and_errors_do_not(warnings: Compiled) -> None:
    tests = [n for n in warnings.manifest.nodes.values() if n.resource_type == "test"]
    keeping = {node.name for node in tests if node.config.store_failures}
    assert keeping == {node.name for node in tests if node.config.severity.lower() == "warn"}
    assert keeping == set(warnings.sql)
    assert len(keeping) > 30


def test_what_is_kept_are_keys_and_counts(warnings: Compiled) -> None:
    wrong = []
    for name, sql in warnings.sql.items():
        for column in sqlglot.parse_one(sql, dialect="duckdb").named_selects:
            is_key = column.endswith(("_id", "_date")) or column == "entity"
            # core's test of relationships calls the key that it looks for so
            if not is_key and column not in (*COUNTS, "from_field"):
                wrong.append(f"{name}: {column}")
    assert wrong == []


def test_a_row_that_is_found_is_kept_by_its_key(engine_settings: Settings) -> None:
    settings = replace(engine_settings, domains=("wework",), as_of=AS_OF)
    make_tables(settings, ("fct_messages", "wework_accounts", "wework_account_daily"))
    noon = AS_OF - timedelta(days=1, hours=12)
    message = {"created_at": noon, "message_date": noon.date(), "is_group_message": False}
    insert(
        settings,
        "fct_messages",
        {"message_record_id": "fine", "delivery_seconds": 5} | message,
        {"message_record_id": "backwards", "delivery_seconds": -5} | message,
    )
    insert(settings, "wework_account_daily", {"account_id": "gone", "stat_date": noon.date()})
    own = ("--indirect-selection", "empty", "--select", "stg_wework__accounts", RECEIPTS, ACCOUNTS)
    dbt(settings, "build", *own)
    assert kept(settings) == {
        RECEIPTS[:NAMED]: (["message_record_id"], [("backwards",)]),
        ACCOUNTS[:NAMED]: (["from_field"], [("gone",)]),
    }


def kept(settings: Settings) -> dict[str, Any]:
    """All that stands in warehouse_audit: the columns and rows of each table."""
    home = database.database_name(settings, "warehouse_audit")
    with database.connect(settings) as connection:
        named = sa.text("select table_name from information_schema.tables where table_schema = :h")
        found = {}
        for name in connection.scalars(named, {"h": home}).all():
            rows = connection.exec_driver_sql(f"select * from {home}.{name}")
            found[name[:NAMED]] = (list(rows.keys()), [tuple(row) for row in rows])
    return found
