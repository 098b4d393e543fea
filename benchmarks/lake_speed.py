"""A mart over 24 months built whole from the lake, beside the same from MySQL, in one run.

`python benchmarks/lake_speed.py --rows N` puts AI calls of two years behind a prefix of its own on
the configured MySQL server, writes its lake, and builds ai_calls_monthly in turn on MySQL, where
all 24 months are online for once, and on DuckDB, which has nothing but the lake. dbt's own start is
left out; both must come to the same rows. Everything is dropped at the end.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from databases import drop_databases

from orchestration import database
from orchestration.dbt_project import dbt_arguments, run_dbt, target_path
from orchestration.lake.months import sync
from orchestration.schema.deploy import deploy
from orchestration.settings import Settings, load_settings

CALLS, MART = "ai_call_logs", "ai_calls_monthly"
FIRST, AS_OF = date(2024, 7, 1), datetime(2026, 7, 1, 12)
SPAN = int((datetime(2026, 7, 1) - datetime(2024, 7, 1)).total_seconds())
DOMAINS, BUILDS = ("core", "ai"), 3


def main() -> None:
    """Fill, write the lake, build in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    folder = Path(tempfile.mkdtemp(prefix="lake-speed-"))
    base = load_settings(target="mysql")
    environment = base.child_environment() | {
        "WAREHOUSE_ARCHIVE_URL": str(folder / "lake"),
        "WAREHOUSE_ARCHIVE_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    shared = {"local_dir": folder, "environment": environment, "domains": DOMAINS, "as_of": AS_OF}
    mysql = replace(base, database_prefix=f"bench_lake_{os.getpid()}_", **shared)
    duckdb = replace(
        base, target="embedded", duckdb_path=folder / "lake.duckdb", database_prefix="", **shared
    )
    try:
        compare(mysql, duckdb, rows)
    finally:
        drop_databases(mysql)
        shutil.rmtree(folder)


def compare(mysql: Settings, duckdb: Settings, rows: int) -> None:
    """The figures, a line each."""
    for settings in (mysql, duckdb):
        deploy(settings, oldest=FIRST, progress=lambda _: None)
    fill(mysql, rows)
    began = time.perf_counter()
    months = list(sync(mysql, [CALLS]))
    assert {month.state for month in months} == {"made"} and len(months) == 24, months
    size = sum(month.bytes for month in months)
    print(f"{rows:,} calls of 24 months, {size / 1e6:.0f} MB in the lake, "
          f"written in {time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
    taken: dict[str, list[float]] = {"MySQL": [], "lake": []}
    for number in range(BUILDS):
        for name, settings in (("MySQL", mysql), ("lake", duckdb)):
            taken[name].append(built(settings, whole=number == 0))
    assert read(mysql) == read(duckdb), "the two differ"
    for name, seconds in taken.items():
        print(f"{name:6} {statistics.median(seconds):8.2f} s  ({min(seconds):.2f} to "
              f"{max(seconds):.2f})", flush=True)  # fmt: skip
    ratio = statistics.median(taken["MySQL"]) / statistics.median(taken["lake"])
    print(f"from the lake {ratio:.1f} times as fast, {len(read(duckdb)):,} rows each")


def fill(settings: Settings, rows: int) -> None:
    """So many calls, spread evenly."""
    home = database.database_name(settings, "ai_agent_platform")
    with database.begin(settings) as connection:
        connection.execute(
            sa.text(
                f"insert into `{home}`.{CALLS} (id, tenant_id, request_id, agent_id, "
                "conversation_id, api_endpoint, request_method, status_code, response_time, "
                "tokens, cost, created_at) "
                "select uuid(), concat('t', mod(n, 50)), concat('r', n), concat('a', mod(n, 997)), "
                "concat('c', mod(n, 100003)), '/v1/chat', 'POST', if(mod(n, 31), 200, 500), "
                "mod(n * 7919, 30000) / 1000, json_object('total', mod(n * 31, 4000)), "
                "mod(n * 17, 100000) / 1000000, "
                "timestamp(:first) + interval floor(n * :span / :rows) second "
                "from (with recursive digits(d) as (select 0 union all select d + 1 from digits "
                "where d < 999) select a.d * 1000000 + b.d * 1000 + c.d as n from digits a, "
                "digits b, digits c where a.d * 1000000 + b.d * 1000 + c.d < :rows "
                "and a.d <= :rows div 1000000) as numbers"
            ),
            {"rows": rows, "span": SPAN, "first": str(FIRST)},
        )


def built(settings: Settings, whole: bool) -> float:
    """Seconds that the mart took, as dbt tells; the first time with what it reads."""
    arguments = dbt_arguments(
        ["run", "--quiet"],
        target=settings.target,
        target_path=target_path(settings),
        select=f"+{MART}" if whole else MART,
    )
    results = run_dbt(settings, arguments).results
    assert all(str(result.status) == "success" for result in results), results
    return next(r.execution_time for r in results if r.node.name == MART)


def read(settings: Settings) -> list[tuple[Any, ...]]:
    """The mart's rows, in order."""
    home = database.database_name(settings, "warehouse")
    with database.connect(settings) as connection:
        found = connection.exec_driver_sql(f"select * from {home}.{MART} order by 1, 2").all()
    return [tuple(row) for row in found]


if __name__ == "__main__":
    main()
