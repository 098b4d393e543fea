"""Every statistics table against the bare statement: `python benchmarks/each_rollup_speed.py`.

As rollups_speed does for two tables and many rows, for all of them on the small sample: built by
dbt for its window and whole, and beside it its own query written straight into an empty table of
the same shape. Where a query takes milliseconds, dbt's share and that of the checks show.
"""

from __future__ import annotations

import argparse

from measure import Row, in_turn, publish, ratio
from rollups_speed import WAYS, Model
from traffic import arguments, sample

from orchestration.dbt_project import run_dbt
from orchestration.sampledata.plan import SCALES

ROLLUPS = ("window", "keyed_window")
BUILT = [f"--resource-type={kind}" for kind in ("model", "seed", "snapshot")]


def main() -> None:
    """Measure on each engine and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="small", help="of the sample")
    parser.add_argument("--target", nargs="+", default=["embedded", "mysql"])
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds")
    given = parser.parse_args()
    for target in given.target:
        publish(
            f"each_rollup_{target}",
            ("statistics table", "built", "dbt", "limit", "ratio"),
            compared(target, given.scale, given.rounds),
            f"Sample data of scale {given.scale}.",
        )


def compared(target: str, scale: str, rounds: int) -> list[Row]:
    """Rows of the table for one engine."""
    rows: list[Row] = []
    with sample(target, scale) as settings:
        run_dbt(settings, arguments(settings, ["build", *BUILT]))
        manifest = run_dbt(settings, arguments(settings, ["parse"]))
        names = sorted(
            node.name
            for node in manifest.nodes.values()
            if node.config.materialized in ROLLUPS and "rollups" in node.fqn
        )
        for name in names:
            for way, flags in WAYS.items():
                model = Model(settings, manifest, name, flags)
                model.build()
                found = in_turn({f"{name}, {way}": model.build, "limit": model.bare}, rounds)
                ours, limit = found.values()
                rows.append((f"`{name}`", way, str(ours), str(limit), ratio(ours, limit)))
    return rows


if __name__ == "__main__":
    main()
