"""What MySQL reads for a night's window: months and days of the large tables, never their history.

On the demo a table may be so small that a scan is cheapest; then an index must have been to choose.
"""

from __future__ import annotations

import pytest
from warehouses import AS_OF, Demo

from orchestration.schema.record import Table, load_record
from orchestration.settings import PROJECT_ROOT

LARGE = 1_000_000
MONTHS = {"p202605", "p202606"}  # thirty-five days at the most
RECORD = load_record()
MODELS = {file.stem for file in (PROJECT_ROOT / "models" / "marts").rglob("*.sql")}
WINDOW_TABLES = [table.name for table in RECORD if table.built_by_dbt and table.name in MODELS]


def grows(table: Table) -> bool:
    """Whether it keeps events: rows that are added for ever, or until retention takes them."""
    return bool(table.partition_by_month or table.retention or table.rows_expected >= LARGE)


HISTORY = {table.name: table for table in RECORD if grows(table)}


@pytest.mark.mysql
@pytest.mark.parametrize("model", WINDOW_TABLES)
def test_a_night_s_window_reads_no_history(demo: Demo, model: str) -> None:
    assert AS_OF.strftime("p%Y%m") in MONTHS
    wrong = []
    for name, steps in demo.reads(demo.compiled(model)).items():
        table = HISTORY.get(name)
        if table is None or name == model:
            continue
        for step in steps:
            if table.partition_by_month:
                if not set(step["partitions"].split(",")) <= MONTHS:
                    wrong.append(f"{name}: {step['partitions']}")
            elif not step["possible_keys"]:
                wrong.append(f"{name}: {step['type']} of all {step['rows']} rows")
    assert wrong == []


@pytest.mark.mysql
@pytest.mark.parametrize(("condition", "parts"), [("", 1), ("where tenant_id = 'demo'", 2)])
def test_thirty_days_are_read_day_by_day(demo: Demo, condition: str, parts: int) -> None:
    """Of the days by their key's first parts; of the messages the last day's can be found."""
    home = demo.on("mysql").database_prefix + "wework_platform"
    reads = demo.reads(f"select * from `{home}`.v_wework_message_stats {condition}")
    [days] = reads["days"]
    assert (days["key"], len(days["ref"].split(","))) == ("PRIMARY", parts)
    [messages] = reads["wework_message_records"]
    assert "ix_created_at_tenant_id" in messages["possible_keys"]
    assert set(messages["partitions"].split(",")) <= MONTHS
