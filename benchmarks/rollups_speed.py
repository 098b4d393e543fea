"""Rollups against the bare statement, and how both grow: `python benchmarks/rollups_speed.py`.

Each incremental model is built by dbt for its window and in full, on both engines and at several
lengths of history. Beside it the limit: its own query, written straight into an empty table of the
same shape (no window to replace, no readers to spare, MySQL's own settings), and on DuckDB the mere
reading of the columns that it needs. dbt's start and parsing are not in it; what dbt does for the
model itself is. Beside them, for how they grow: a tenant's thirty days in a view, a schedule's
question every two minutes, the suite of what the applications wrote.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from measure import Row, Timing, exponent, in_turn, publish, ratio
from procedures_speed import ASKED, summed
from traffic import MESSAGES, arguments, pool_of, run_model, warehouse

from orchestration import database
from orchestration.dbt_project import run_dbt
from orchestration.schedules import why_not
from orchestration.settings import Settings
from orchestration.validation import run_suite

MODELS = ("wework_account_daily", "wework_tenant_usage")
SCANNED = ("tenant_id", "account_id", "created_at", "direction", "send_status", "error_code",
           "response_time_ms")  # fmt: skip
VIEW = "v_wework_message_stats"
WAYS = {"window": (), "whole": ("--full-refresh",)}


def main() -> None:
    """Measure at each size on each engine and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--target", nargs="+", default=["embedded", "mysql"])
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds")
    given = parser.parse_args()
    for target in given.target:
        spent: dict[tuple[str, str], dict[int, Timing]] = {}
        rows: list[Row] = []
        pool = ""
        for size in given.rows:
            print(f"{size:,} messages on {target}", flush=True)
            with warehouse(target, size) as settings:
                pool = pool_of(settings) if settings.is_mysql else ""
                rows += compared(settings, size, given.rounds, spent)
        publish(
            f"rollups_{target}",
            ("messages", "model", "built", "dbt", "limit", "ratio", "growth"),
            rows,
            f"{pool} Growth: from the smallest size to this one.".strip(),
        )


def compared(
    settings: Settings, size: int, rounds: int, spent: dict[tuple[str, str], dict[int, Timing]]
) -> list[Row]:
    """Rows of the table for one size on one engine; `spent` takes dbt's seconds."""
    run_dbt(settings, arguments(settings, ["run"], " ".join(f"+{n}" for n in (*MODELS, VIEW))))
    manifest = run_dbt(settings, arguments(settings, ["parse"]))
    rows: list[Row] = []
    for name in MODELS:
        for way, flags in WAYS.items():
            model = Model(settings, manifest, name, flags)
            model.build()
            found = in_turn({f"{name}, {way}": model.build, "limit": model.bare}, rounds)
            ours, limit = found.values()
            growth = _growth(spent, (name, way), size, ours)
            rows.append((f"{size:,}", name, way, str(ours), str(limit), ratio(ours, limit), growth))
    if not settings.is_mysql:
        scan = in_turn({"scan": lambda: _scan(settings)}, rounds)["scan"]
        whole = spent[MODELS[0], "whole"][size]
        rows.append((f"{size:,}", MODELS[0], "whole, against reading its columns",
                     str(whole), str(scan), ratio(whole, scan), "-"))  # fmt: skip
    for name, timing in in_turn(_other_work(settings), rounds).items():
        growth = _growth(spent, (name, ""), size, timing)
        rows.append((f"{size:,}", name, "-", str(timing), "-", "-", growth))
    return rows


def _growth(
    spent: dict[tuple[str, str], dict[int, Timing]], key: tuple[str, str], size: int, timing: Timing
) -> str:
    by_size = spent.setdefault(key, {})
    by_size[size] = timing
    return exponent(by_size) if len(by_size) > 1 else "-"


def _other_work(settings: Settings) -> dict[str, Callable[[], None]]:
    """What people and schedules ask all day."""
    home = database.database_name(settings, "wework_platform")

    def look() -> None:
        with database.connect(settings) as connection:
            connection.exec_driver_sql(summed(f"{home}.{VIEW}", ASKED["a tenant"])).fetchall()

    def tick() -> None:
        why_not("auto_status_check", settings)

    def suite() -> None:
        run_suite(settings, "wework", "sources")

    return {"a tenant's 30 days in a view": look, "a tick's question": tick, "source suite": suite}


@dataclass
class Model:
    """One model in one way: built by dbt, and its bare query."""

    settings: Settings
    manifest: Any
    name: str
    flags: tuple[str, ...]
    query: str = ""
    relation: str = ""

    def build(self) -> float:
        """Seconds that dbt spends on the model; remembers the query that it sent."""
        result = run_model(self.settings, self.manifest, self.name, *self.flags)
        self.query, self.relation = result.node.compiled_code, result.node.relation_name
        return float(result.execution_time)

    def bare(self) -> float:
        """Seconds to write the same rows into an empty table with the same keys."""
        with database.connect(self.settings) as connection, _scratch(connection, self) as scratch:
            run = connection.exec_driver_sql
            query = self.query.replace("%", "%%") if self.settings.is_mysql else self.query
            columns = ", ".join(run(f"select * from ({query}) as model_rows limit 0").keys())
            began = time.perf_counter()
            run(f"insert into {scratch} ({columns}) select {columns} from ({query}) as model_rows")
            connection.commit()
            return time.perf_counter() - began


@contextmanager
def _scratch(connection: Any, model: Model) -> Iterator[str]:
    """An empty table like the model's, dropped at the end."""
    schema = model.relation.rsplit(".", 1)[0]
    name = f"{schema}.bench_scratch"
    like = (
        f"create table {name} like {model.relation}"
        if model.settings.is_mysql
        else f"create table {name} as select * from {model.relation} where false"
    )
    connection.exec_driver_sql(f"drop table if exists {name}")
    connection.exec_driver_sql(like)
    try:
        yield name
    finally:
        connection.exec_driver_sql(f"drop table {name}")
        connection.commit()


def _scan(settings: Settings) -> float:
    largest = ", ".join(f"max({column})" for column in SCANNED)
    with database.connect(settings) as connection:
        began = time.perf_counter()
        connection.exec_driver_sql(f"select {largest} from wework_platform.{MESSAGES}").fetchall()
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
