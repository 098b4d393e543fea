"""How long the demo takes once installed, step by step: `python benchmarks/demo_speed.py`.

Runs the real command in an empty local directory on DuckDB, then parses the project twice, so that
the second parse is a partial one. Goals on two cores: generate, load and build under a minute
together, the partial parse under six seconds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestration.settings import PROJECT_ROOT

COMMANDS = Path(sys.executable).parent


def main() -> None:
    """Measure once and print a line a step."""
    print(f"load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    with tempfile.TemporaryDirectory(prefix="demo-speed-") as folder:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("WAREHOUSE_", "MYSQL_"))},
            "WAREHOUSE_LOCAL_DIR": folder,
        }
        screen = _run([COMMANDS / "warehouse", "demo"], environment)
        steps = re.search(r"seconds +\d+ +\((.*)\)", screen)
        seconds = dict(re.findall(r"(\w+) (\d+)", steps[1] if steps else ""))
        for step, spent in seconds.items():
            print(f"{step:<12}{spent:>4} s")
        built = sum(int(seconds[step]) for step in ("generate", "load", "build"))
        print(f"generate, load and build together: {built} s")
        parse = [COMMANDS / "dbt", "--quiet", "parse", "--target-path", f"{folder}/parse"]
        for what in ("full", "partial"):
            began = time.perf_counter()
            _run(parse, environment)
            print(f"{what} parse: {time.perf_counter() - began:.1f} s")


def _run(command: list[Path | str], environment: dict[str, str]) -> str:
    """The command's standard output; its error output passes through."""
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
