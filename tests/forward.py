"""The project on the newest dbt for DuckDB, in an environment of its own: `make forward`.

Nothing but dbt-mysql holds the project at dbt 1.7. The index comes from pip's own configuration.
Data and databases are made by the project's own commands; dbt then parses and builds everything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.settings import PROJECT_ROOT, Settings, load_settings, parse_as_of

HOME = PROJECT_ROOT / ".local" / "forward"
# dbt, and what our session module imports.
PACKAGES = ("dbt-core", "dbt-duckdb", "sqlalchemy", "pymysql", "pyyaml", "duckdb-engine")
AS_OF = "2026-06-30"
SHOWN = re.compile(r"^(dbt-core|dbt-adapters|dbt-duckdb|duckdb) ", re.MULTILINE)


def environment() -> Path:
    """The environment's programs, brought to the newest versions that have wheels."""
    venv = HOME / "venv"
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--upgrade",
         "--disable-pip-version-check", "--only-binary", ":all:", *PACKAGES],
        check=True,
    )  # fmt: skip
    return venv / "bin"


def modules() -> Path:
    """A folder for PYTHONPATH with our session module, and without what is for dbt 1.7 alone."""
    folder = HOME / "modules"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("dbt_warehouse_session.py", "orchestration"):
        (folder / name).symlink_to(PROJECT_ROOT / name)
    return folder


def data(settings: Settings) -> None:
    """The six databases with the demo's rows, in a file of this run."""
    settings.duckdb_path.unlink(missing_ok=True)
    deploy(settings, progress=lambda _: None)
    sample = settings.local_dir / "data"
    generate(settings, "demo", 1, AS_OF, sample, progress=lambda _: None)
    load(settings, sample, progress=lambda _: None)


def main() -> int:
    """Parse, then build and test everything; dbt's exit code."""
    programs, folder = environment(), modules()
    settings = replace(
        load_settings(
            {**os.environ, "WAREHOUSE_LOCAL_DIR": str(HOME), "WAREHOUSE_DUCKDB_PATH": ""}
        ),
        as_of=parse_as_of(AS_OF),
    )
    listed = subprocess.run(
        [programs / "python", "-m", "pip", "list", "--disable-pip-version-check"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    print(*(line for line in listed.splitlines() if SHOWN.match(line)), sep="\n", flush=True)
    data(settings)
    code = 0
    for command in (["parse", "--no-partial-parse"], ["build"]):
        code = code or subprocess.run(
            [programs / "dbt", "--quiet", *command, "--target", "embedded",
             "--profiles-dir", PROJECT_ROOT, "--project-dir", PROJECT_ROOT,
             "--target-path", HOME / "target", "--log-path", HOME / "logs"],
            env={**settings.child_environment(), "PYTHONPATH": str(folder)},
            cwd=HOME, check=False,
        ).returncode  # fmt: skip
        print(f"dbt {command[0]}: {'passed' if code == 0 else 'failed'}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
