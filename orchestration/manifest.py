"""dbt's manifest as Dagster reads it: where it lies, when it is stale, how it is made.

It is made at build time (`make setup`, `warehouse dagster`), never by a production import: loading
the definitions reads one file. Each engine has its own, because names and types differ.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestration.dbt_project import dbt_arguments, target_path
from orchestration.errors import WarehouseError
from orchestration.settings import PROJECT_ROOT, SPARK, Settings

Manifest = Mapping[str, Any]
ADAPTERS = {"embedded": "duckdb", "mysql": "mysql"}
# What the manifest is made of; anything newer than it makes it stale.
INPUTS = ("models", "macros", "seeds", "snapshots", "tests/dbt")


def manifest_path(settings: Settings) -> Path:
    """The manifest of the chosen engine, beside what dbt compiles for it."""
    return target_path(settings) / "manifest.json"


def dbt_executable() -> str:
    """The dbt of this Python environment, which need not be the one on the PATH."""
    beside = Path(sys.executable).with_name("dbt")
    return str(beside) if beside.exists() else "dbt"


def dbt_process(settings: Settings, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """dbt in a process of its own, for these settings; what it said and how it ended."""
    return subprocess.run(
        [
            dbt_executable(),
            *dbt_arguments(command, target=settings.target, target_path=target_path(settings)),
            *("--log-path", str(settings.local_dir / "logs")),
        ],
        cwd=PROJECT_ROOT,
        env=settings.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def load_manifest(settings: Settings) -> Manifest:
    """Read the manifest; under `dagster dev` it is parsed first when it is missing or stale.

    WarehouseError when it is not there or was made for the other engine or another prefix.
    """
    if os.environ.get("DAGSTER_IS_DEV_CLI") and is_stale(settings):
        prepare_manifest(settings)
    path = manifest_path(settings)
    fix = f"run `warehouse manifest --target {settings.target}`."
    if not path.exists():
        raise WarehouseError(f"dbt's manifest {path} is missing.", fix=fix)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    adapter = manifest["metadata"]["adapter_type"]
    if adapter != ADAPTERS[settings.target]:
        raise WarehouseError(f"{path} was made for {adapter}, not {settings.target}.", fix=fix)
    if not all(
        node["schema"].startswith(settings.database_prefix) for node in manifest["sources"].values()
    ):
        raise WarehouseError(
            f"{path} was made for another WAREHOUSE_DATABASE_PREFIX than "
            f"{settings.database_prefix!r}.",
            fix=fix,
        )
    return manifest


def prepare_manifest(settings: Settings) -> Path:
    """Run `dbt parse` for the chosen engine; no database is touched. Seconds: 5 to 10."""
    path = manifest_path(settings)
    with _one_at_a_time(path.parent):
        outcome = dbt_process(settings, ["parse"])
        if outcome.returncode:
            tail = " ".join((outcome.stdout + outcome.stderr).split()[-80:])
            raise WarehouseError(
                f"dbt could not parse the project: {tail}",
                fix="mend what it names; `dbt parse` shows it alone.",
            )
        # dbt leaves an unchanged manifest as it is; its time says when it was last checked.
        path.touch()
    return path


def parsed_for(settings: Settings) -> list[Settings]:
    """The targets whose parsed project runs start from: with Spark its own and the reader's too."""
    if not settings.on_spark:
        return [settings]
    own = {each.target: each for each in (settings, settings.reading)}
    return [*own.values(), replace(settings, target=SPARK)]


def is_stale(settings: Settings) -> bool:
    """Whether the manifest is missing or older than the project's own files."""
    path = manifest_path(settings)
    if not path.exists():
        return True
    made = path.stat().st_mtime
    files = [PROJECT_ROOT / "dbt_project.yml", PROJECT_ROOT / "profiles.yml"]
    for folder in INPUTS:
        files += [entry for entry in (PROJECT_ROOT / folder).rglob("*") if entry.suffix != ".pyc"]
    return any(file.stat().st_mtime > made for file in files)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Web server and daemon load the definitions at once; one of them parses, the other waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
