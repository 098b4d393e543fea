"""Two years of AI calls where the database keeps six months, held against all rows ever made."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import retention_world as world
from retention_world import CALLS
from window_warehouse import WindowWarehouse

from orchestration.lake.months import sync
from orchestration.retention.archive import Archive
from orchestration.retention.holds import add_hold
from orchestration.retention.restore import restore
from orchestration.schema.partitions import months_between
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 25, 12)
FIRST = date(2024, 7, 1)
MART = "ai_calls_monthly"
GRAIN = ("tenant_id", "month_start_date")


def calls() -> list[dict[str, Any]]:
    """Calls on the edges of every month and within it."""
    rng, rows = random.Random(3), []
    for month in months_between(FIRST, date(2026, 6, 1)):
        start = datetime(month.year, month.month, 1)
        for second in (0, 1, *(rng.randrange(2_000_000) for _ in range(6))):
            rows.append(
                {
                    "id": f"c{len(rows):05d}",
                    "request_id": "r",
                    "api_endpoint": "/chat",
                    "request_method": "POST",
                    "tenant_id": rng.choice(("t1", "t2")),
                    "agent_id": rng.choice((None, "a1", "a2", "a3")),
                    "conversation_id": rng.choice((None, "v1", "v2")),
                    "status_code": rng.choice((200, 200, 500)),
                    "error_code": rng.choice((None, None, "E1")),
                    "response_time": Decimal(rng.randrange(1, 9_000)) / 1000,
                    "tokens": rng.choice((None, {"total": rng.randrange(1_000)})),
                    "cost": Decimal(rng.randrange(1_000_000)) / 1_000_000,
                    "created_at": start + timedelta(seconds=second),
                }
            )
    return rows


def expected(rows: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """The mart, by pandas, over all rows ever made."""
    frame = pd.DataFrame(rows)
    frame["month"] = [moment.date().replace(day=1) for moment in frame["created_at"]]
    found = {}
    for (tenant, month), part in frame.groupby(["tenant_id", "month"]):
        seconds = sorted(part["response_time"])
        failed = (part["status_code"] >= 400) | part["error_code"].notna()
        found[tenant, month] = {
            "tenant_id": tenant,
            "month_start_date": month,
            "calls": len(part),
            "failed_calls": int(failed.sum()),
            "agents": part["agent_id"].nunique(),
            "conversations": part["conversation_id"].nunique(),
            "total_tokens": sum(t["total"] for t in part["tokens"] if t),
            "cost_cny": sum(part["cost"]),
            "p95_response_seconds": seconds[ceil(len(seconds) * 95 / 100) - 1],
        }
    return found


def deployed(settings: Settings, folder: Path) -> WindowWarehouse:
    """Core and AI, with the lake in a folder whose name wants quoting."""
    settings = world.with_archive(settings, folder / "it's a lake", AS_OF)
    made = WindowWarehouse(settings, {f"warehouse.{MART}": GRAIN}, ("core", "ai"))
    made.deploy(AS_OF, FIRST)
    return made


def before(rows: list[dict[str, Any]], moment: datetime) -> list[dict[str, Any]]:
    return [row for row in rows if row["created_at"] < moment]


@pytest.fixture
def warehouse(embedded_settings: Settings, tmp_path: Path) -> WindowWarehouse:
    return deployed(embedded_settings, tmp_path)


def test_the_mart_has_all_months_and_each_row_once(warehouse: WindowWarehouse) -> None:
    rows = calls()
    settings = warehouse.settings
    warehouse.insert(CALLS, *rows)
    everything = expected(rows)
    # Without a lake: the table alone.
    assert warehouse.build(AS_OF) == ()
    assert warehouse.read(MART) == everything
    # All closed months are in both.
    assert {month.state for month in sync(settings, [CALLS])} == {"made"}
    assert warehouse.build(AS_OF) == ()
    assert warehouse.read(MART) == everything
    # The database keeps six months, and held and restored rows.
    add_hold(Archive(settings), "t2", CALLS, "test", AS_OF)
    assert not world.run(settings, world.policy(settings, CALLS, 6)).refused
    restore(settings, CALLS, date(2025, 3, 1))
    assert world.online(settings, CALLS) < {row["id"] for row in rows}
    # A late row of a month that is gone, and a changed one of a month that is online.
    late = {**rows[0], "id": "late", "created_at": datetime(2024, 8, 9)}
    warehouse.insert(CALLS, late)
    warehouse.execute(
        "update {prefix}ai_agent_platform.ai_call_logs set cost = 7 where id = :id",
        id=rows[-20]["id"],
    )
    rows[-20]["cost"] = Decimal(7)
    assert warehouse.build(AS_OF) == ()
    assert warehouse.read(MART) == expected([*rows, late])
    # Nothing online at all: the closed months come from the lake alone.
    list(sync(settings, [CALLS]))
    warehouse.execute("delete from {prefix}ai_agent_platform.ai_call_logs")
    assert warehouse.build(AS_OF) == ()
    assert warehouse.read(MART) == expected(before([*rows, late], datetime(2026, 6, 1)))
    # A domain that is switched off reads no file.
    warehouse.settings = replace(settings, domains=("core",))
    assert warehouse.build(AS_OF) == ()
    assert warehouse.read(MART) == {}


def test_duckdb_reads_two_years_where_mysql_keeps_six_months(
    warehouse: WindowWarehouse, module_mysql_settings: Settings, tmp_path: Path
) -> None:
    """The lake that MySQL filled, and no row online where the mart is built."""
    rows = calls()
    mysql = deployed(module_mysql_settings, tmp_path)
    mysql.insert(CALLS, *rows)
    outcome = world.run(mysql.settings, world.policy(mysql.settings, CALLS, 6))
    assert sum(step.action == "drop" for step in outcome.done) == 17, outcome
    assert mysql.build(AS_OF) == ()
    gone = before(rows, datetime(2025, 12, 1))
    assert mysql.read(MART) == expected([row for row in rows if row not in gone])
    assert warehouse.build(AS_OF) == ()
    found = warehouse.read(MART)
    assert found == expected(before(rows, datetime(2026, 6, 1)))
    assert len({month for _, month in found}) == 23
