"""Contenders in turn, medians and ratios, and the page that shows them.

Absolute seconds are this machine's in this run; what holds elsewhere are ratios between contenders
of one run. Nothing here fails for being slow.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "performance.md"
KEPT = PROJECT_ROOT / ".local" / "bench"
Row = Sequence[str]


@dataclass(frozen=True)
class Timing:
    """Seconds of the counted runs of one contender."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.runs)

    def __str__(self) -> str:
        """As a table shows it: three significant figures."""
        return seconds(self.median)


def seconds(value: float) -> str:
    """0.0123 s, 1.23 s, 123 s, and hours from 7,200 s on."""
    if value >= 7200:
        return f"{value / 3600:.1f} h"
    return f"{value:.0f} s" if value >= 100 else f"{float(f'{value:.3g}'):g} s"


def ratio(slow: Timing | float, fast: Timing | float) -> str:
    """How many times as long: 1.04 x, 12 x, 3,400 x."""
    times = _seconds(slow) / _seconds(fast)
    return f"{times:,.0f} x" if times >= 10 else f"{times:.2f} x"


def exponent(by_size: Mapping[int, Timing | float]) -> str:
    """How time grows with rows, from the smallest size to the largest: 1 is in proportion."""
    few, many = min(by_size), max(by_size)
    times = _seconds(by_size[many]) / _seconds(by_size[few])
    return f"rows^{math.log(times) / math.log(many / few):.2f}"


def in_turn(
    contenders: Mapping[str, Callable[[], float | None]], rounds: int = 3
) -> dict[str, Timing]:
    """Run A B A B …, once uncounted and `rounds` times counted.

    A contender may return its own seconds (without what it prepared), else the call is timed.
    """
    runs: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            told = run()
            spent = time.perf_counter() - began if told is None else told
            if number:
                runs[name].append(spent)
                print(f"  {name}: {seconds(spent)} (load {os.getloadavg()[0]:.1f})", flush=True)
    return {name: Timing(tuple(spent)) for name, spent in runs.items()}


def publish(name: str, header: Row, rows: Sequence[Row], note: str = "", page: Path = PAGE) -> None:
    """Print a table, keep it as JSON under .local/bench, and put it into its place on the page."""
    machine = (
        f"{date.today()}, {os.cpu_count()} processors, {platform.machine()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    table = "\n".join([*lines, "", f"{machine}. {note}".strip()])
    print(f"\n{table}\n")
    KEPT.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": machine,
        "note": note,
        "rows": [dict(zip(header, row, strict=True)) for row in rows],
    }
    (KEPT / f"{name}.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    _put(page, name, table)


def _put(page: Path, name: str, table: str) -> None:
    """Between the page's marks of this name; the rest of the page is written by people."""
    begin, end = f"<!-- bench {name}: begin -->", f"<!-- bench {name}: end -->"
    text = page.read_text(encoding="utf-8")
    before, after = text.split(begin)[0], text.split(end)[1]
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def _seconds(value: Timing | float) -> float:
    return value.median if isinstance(value, Timing) else value
