"""`python -m orchestration.sampledata <domain> [scale]`: rows and seconds per table, no files."""

from __future__ import annotations

import argparse
import time

from orchestration.sampledata.generate import prepared_world, tables_of
from orchestration.sampledata.plan import SCALES, make_plan
from orchestration.settings import DOMAINS


def main() -> None:
    """Generate one domain in memory and say how long each table took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain", choices=DOMAINS)
    parser.add_argument("--scale", choices=SCALES, default="demo")
    parser.add_argument("--end-date", default="2026-06-30")
    arguments = parser.parse_args()
    plan = make_plan(arguments.scale, 1, arguments.end_date)
    world = prepared_world(plan, [arguments.domain])
    rows: dict[str, int] = {}
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    for name, chunk in tables_of(plan, world, arguments.domain):
        now = time.perf_counter()
        rows[name] = rows.get(name, 0) + len(chunk)
        seconds[name] = seconds.get(name, 0.0) + now - began
        began = now
    for name, count in rows.items():
        print(f"{name:36} {count:>10,} of {plan.rows(name):>10,} rows {seconds[name]:8.2f} s")


if __name__ == "__main__":
    main()
