"""Calls of dbt from Python: one place that knows the arguments and reads the results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import WarehouseError
from orchestration.settings import PROJECT_ROOT, Settings

BUILT = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class BuildResult:
    """What a `dbt build` did: nodes built, tests that held, what failed, seconds."""

    built: Mapping[str, int] = field(default_factory=dict)  # resource type -> nodes
    tests_passed: int = 0
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def success(self) -> bool:
        """Whether everything was built and no test failed (warnings are no failures)."""
        return not self.failures


def dbt_arguments(
    command: Sequence[str],
    *,
    target: str,
    target_path: Path,
    select: str | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[str]:
    """The argument list of one dbt call; pure, so that it can be tested to the letter.

    Each target keeps its own `target_path`: a shared one is parsed anew at every switch.
    """
    arguments = [
        *command,
        "--project-dir",
        str(PROJECT_ROOT),
        "--profiles-dir",
        str(PROJECT_ROOT),
        "--target",
        target,
        "--target-path",
        str(target_path),
    ]
    if select:
        arguments += ["--select", select]
    if variables:
        arguments += ["--vars", yaml.safe_dump(dict(variables), default_flow_style=True).strip()]
    return arguments


def target_path(settings: Settings) -> Path:
    """Where dbt keeps what it compiled for this engine."""
    return settings.local_dir / "target" / settings.target


def run_dbt(
    settings: Settings,
    arguments: Sequence[str],
    callback: Callable[[Any], None] = lambda _: None,
    manifest: Any = None,
) -> Any:
    """One dbt call in this process; returns dbt's result object.

    With a `manifest` (what `parse` returned, for these settings) nothing is parsed. The environment
    is the settings'; WarehouseError when dbt stops before running anything (a syntax error, no
    connection), with dbt's own sentence.
    """
    from dbt.cli.main import dbtRunner

    os.environ.update(settings.child_environment())
    outcome = dbtRunner(manifest=manifest, callbacks=[callback]).invoke(
        [*arguments, "--log-path", str(settings.local_dir / "logs")]
    )
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    if outcome.exception is not None:
        raise WarehouseError(
            f"dbt stopped: {' '.join(str(outcome.exception).split())}",
            fix="mend what it names; `dbt debug` shows the connection and the profile.",
        )
    return outcome.result


def build(
    settings: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    progress: Callable[[str], None] = print,
) -> BuildResult:
    """`dbt build`: seeds, models, snapshots and their tests, in dependency order."""
    started = time.monotonic()
    done = 0

    def on_event(event: Any) -> None:
        nonlocal done
        if event.info.name == "NodeFinished":
            done += 1
            if done % 100 == 0:
                progress(f"  {done} nodes done")

    command = ["build", "--quiet", *(["--full-refresh"] if full_refresh else [])]
    arguments = dbt_arguments(
        command, target=settings.target, target_path=target_path(settings), select=select
    )
    result = run_dbt(settings, arguments, on_event)
    return summarise(result.results if result else [], time.monotonic() - started)


def summarise(results: Sequence[Any], seconds: float) -> BuildResult:
    """Count dbt's node results by kind; failures and warnings as 'name: message'."""
    built: dict[str, int] = {}
    passed = 0
    warnings, failures = [], []
    for result in results:
        kind, status = str(result.node.resource_type), str(result.status)
        if status in ("error", "fail"):
            failures.append(f"{result.node.name}: {result.message}")
        elif status == "warn":
            warnings.append(f"{result.node.name}: {result.message}")
        elif kind in BUILT and status == "success":
            built[kind] = built.get(kind, 0) + 1
        elif status == "pass":
            passed += 1
    return BuildResult(built, passed, tuple(warnings), tuple(failures), seconds)
