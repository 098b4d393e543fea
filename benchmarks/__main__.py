"""Every benchmark in turn, or some: `make bench`, `warehouse bench --only rollups --scale 1M`.

Each also runs alone, with `--help` for what else it takes. Figures are ratios and rates of this
machine in this run; nothing here fails for being slow.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SIZES = {
    "1M": 1_000_000,
    "3M": 3_000_000,
    "10M": 10_000_000,
    "30M": 30_000_000,
    "100M": 100_000_000,
}
# Whether a benchmark has a size, and whether it takes several in one run (how its figures grow).
SIZED = {
    "demo": None,
    "generator": None,
    "load": "one",
    "procedures": "many",
    "rollups": "many",
    "each_rollup": None,
    "retention": "many",
    "lake": "one",
    "lake_rollups": "many",
    "overhead": None,
    "paper": None,
}


def main() -> int:
    """Run them one after the other; the exit code says whether all of them ran."""
    parser = argparse.ArgumentParser(prog="warehouse bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=SIZED, help="default: all of them")
    parser.add_argument("--scale", action="append", choices=SIZES, help="default: their own")
    given = parser.parse_args()
    failed = []
    for name in given.only or SIZED:
        for sizes in _runs(SIZED[name], given.scale):
            command = [sys.executable, Path(__file__).with_name(f"{name}_speed.py"), *sizes]
            print(f"\n== {' '.join([name, *sizes])}", flush=True)
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
    told = f"not run to the end: {', '.join(failed)}" if failed else "all have run"
    print(f"\n{told}; tables are in docs/performance.md, their JSON in .local/bench")
    return 1 if failed else 0


def _runs(sized: str | None, scale: list[str] | None) -> list[list[str]]:
    """The arguments of each run of a benchmark."""
    if sized is None or scale is None:
        return [[]]
    rows = [str(SIZES[size]) for size in scale]
    return [["--rows", *rows]] if sized == "many" else [["--rows", each] for each in rows]


if __name__ == "__main__":
    sys.exit(main())
