"""What dbt and Dagster cost beside the SQL: `python benchmarks/overhead_speed.py`.

The demo, deployed and loaded anew: a parse for other days, the whole build with all tests, all
tests alone, and a build of one view, with dbt as it comes and with `dbt_warehouse_speed`; and what
the schedules' questions take that are asked every two minutes, as a share of one core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from databases import drop_databases
from measure import Row, in_turn, publish, ratio, seconds

from orchestration.dbt_project import dbt_arguments, target_path
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schedules import SCHEDULES, why_not
from orchestration.schema.deploy import deploy
from orchestration.settings import PROJECT_ROOT, Settings, load_settings

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
EVERY_TWO_MINUTES = "*/2 * * * *"
# How long ago is a day that no parse before had.
_DAYS = count(1)
# Run in a process of its own: dbt imports its `dbt_…` modules once.
CHILD = """
import json, sys, types
arguments, as_it_comes = json.loads(sys.argv[1]), json.loads(sys.argv[2])
if as_it_comes:
    empty = types.ModuleType("dbt_warehouse_speed")
    empty.plugins = []
    sys.modules["dbt_warehouse_speed"] = empty
    # Months of a table one after the other: what the materializations ask for must be there.
    from dbt.adapters.mysql.impl import MySQLAdapter
    MySQLAdapter.side_by_side = lambda adapter, scripts: [
        adapter.execute(statement, auto_begin=True) for script in scripts for statement in script
    ]
    MySQLAdapter._available_ = MySQLAdapter._available_ | {"side_by_side"}
from dbt.cli.main import dbtRunner
sys.exit(0 if dbtRunner().invoke(arguments).success else 1)
"""


def main() -> None:
    """Measure on each engine and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", nargs="+", default=["embedded", "mysql"])
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds")
    given = parser.parse_args()
    rows: list[Row] = []
    for target in given.target:
        with TemporaryDirectory(prefix="overhead-") as folder:
            rows += compared(_settings(target, Path(folder)), given.rounds)
    publish("overhead", ("engine", "what", "dbt as it comes", "here", "ratio"), rows)


def compared(settings: Settings, rounds: int) -> list[Row]:
    """Rows of the table for one engine."""
    engine = "MySQL" if settings.is_mysql else "DuckDB"
    sample = settings.local_dir / "sample"
    generate(settings, "demo", 1, AS_OF.date(), sample)
    try:
        deploy(settings, progress=lambda _: None)
        load(settings, sample)
        rows: list[Row] = []
        works: dict[str, Callable[[bool], None]] = {
            "parse for other days": partial(_parse_for_other_days, settings),
            "build of everything, all tests": partial(_dbt, settings, ["build"]),
            "all tests": partial(_dbt, settings, ["test"]),
            "build of one view": partial(
                _dbt, settings, ["run", "--select", "stg_customer__behavior_definitions"]
            ),
        }
        for what, work in works.items():
            found = in_turn(
                {f"{what}, as it comes": partial(work, True), what: partial(work, False)}, rounds
            )
            slow, fast = found.values()
            rows.append((engine, what, str(slow), str(fast), ratio(slow, fast)))
        return [*rows, _ticks(settings, engine)]
    finally:
        drop_databases(settings)


def _ticks(settings: Settings, engine: str) -> Row:
    """The questions of the schedules that tick every two minutes, when there is nothing to do."""
    asked = [row.name for row in SCHEDULES if row.cron == EVERY_TWO_MINUTES]
    for name in asked:
        why_not(name, settings)
    began = time.process_time()
    for name in asked:
        why_not(name, settings)
    spent = time.process_time() - began
    share = f"{100 * spent / 120:.3f} % of a core"
    return engine, f"questions every two minutes: {len(asked)}", "-", share, seconds(spent)


def _parse_for_other_days(settings: Settings, as_it_comes: bool) -> None:
    """A parse whose days differ from those of the parse before."""
    day = AS_OF.date() - timedelta(days=next(_DAYS))
    variables = json.dumps({"start_date": str(day), "end_date": "2026-07-01"})
    _dbt(settings, ["parse", "--vars", variables], as_it_comes)


def _dbt(settings: Settings, command: list[str], as_it_comes: bool) -> None:
    folder = target_path(settings).with_name(f"{settings.target}-{as_it_comes}")
    told = [*command, "--log-path", str(settings.local_dir / "logs")]
    arguments = dbt_arguments(["--quiet", *told], target=settings.target, target_path=folder)
    subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(arguments), json.dumps(as_it_comes)],
        cwd=PROJECT_ROOT,
        env=settings.child_environment(),
        check=True,
    )


def _settings(target: str, folder: Path) -> Settings:
    given = load_settings(os.environ, target=target)
    return replace(
        given,
        as_of=AS_OF,
        local_dir=folder,
        duckdb_path=folder / "saas_warehouse.duckdb",
        database_prefix="overhead_" if target == "mysql" else "",
        environment=given.child_environment(),
    )


if __name__ == "__main__":
    main()
