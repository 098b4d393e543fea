"""`make bench`: every benchmark in turn; each also runs alone, with `--help` where it has options.

Figures are ratios and rates of this machine in this run; nothing here fails for being slow.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("demo_speed.py", "generator_speed.py", "load_speed.py", "procedures_speed.py",
              "rollups_speed.py", "overhead_speed.py", "lake_speed.py")  # fmt: skip


def main() -> int:
    """Run them one after the other; the exit code says whether all of them ran."""
    folder = Path(__file__).parent
    codes = []
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        codes.append(subprocess.run([sys.executable, folder / name], check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
