"""The `warehouse` command, killed on its way: `python dying.py STEP SECONDS BATCH_ROWS WORDS…`.

A step is a statement about to be sent, one that was answered, or a commit about to be sent. The
process kills itself (SIGKILL, so that nothing is tidied up) so many seconds after that step.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

EVENTS = ("before_cursor_execute", "after_cursor_execute", "commit")


@contextmanager
def steps_told(to: Callable[[], None]) -> Iterator[None]:
    """Call `to` at every step."""

    def step(*_: Any) -> None:
        to()

    for event in EVENTS:
        sa.event.listen(sa.Engine, event, step)
    try:
        yield
    finally:
        for event in EVENTS:
            sa.event.remove(sa.Engine, event, step)


def die() -> None:
    """End this process as a crash does."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at(last: int, seconds: float) -> Callable[[], None]:
    """A step that ends this process so long after its `last` call."""
    left = last

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            threading.Timer(seconds, die).start() if seconds else die()

    return step


def main(last: int, seconds: float, batch_rows: int, *words: str) -> None:
    """Run the command until that step."""
    from orchestration import cli
    from orchestration.operations import running

    running.run_operation.__kwdefaults__["batch_rows"] = batch_rows  # type: ignore[index]
    sys.argv = ["warehouse", *words]
    with steps_told(dying_at(last, seconds)):
        cli.main()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
