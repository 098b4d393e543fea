"""The `warehouse` command as people type it, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration import cli
from orchestration.settings import PROJECT_ROOT, Settings


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def variables_of(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of a person whose settings these are."""
    return {**settings.child_environment(), "COLUMNS": "200", **more}


def run(settings: Settings, *arguments: str, **more: str) -> Outcome:
    """`warehouse …` in this process, by the console script's entry point."""
    return run_with(variables_of(settings, **more), *arguments)


def shell(command: str, settings: Settings, cwd: Path = PROJECT_ROOT, **more: str) -> Outcome:
    """As a person types it who works in the project's environment."""
    path = f"{PROJECT_ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    variables = variables_of(
        settings, PATH=path, DBT_TARGET_PATH=str(settings.local_dir / "target" / settings.target),
        DBT_LOG_PATH=str(settings.local_dir / "logs"), DBT_PROFILES_DIR=str(PROJECT_ROOT), **more,
    )  # fmt: skip
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of the make that runs the tests
        variables.pop(name, None)
    done = subprocess.run(
        ["bash", "-ec", command], cwd=cwd, env=variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_with(variables: dict[str, str], *arguments: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    before, sys.argv = sys.argv, ["warehouse", *arguments]
    try:
        with (
            environment(variables),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            cli.main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # what the interpreter itself would print
        code, _ = 1, err.write(traceback.format_exc())
    finally:
        sys.argv = before
    return Outcome(int(code or 0), out.getvalue(), err.getvalue())
