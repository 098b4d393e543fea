"""Ask all nets of clean data, which they must leave in peace: `python tests/clean_data.py`.

30 seeds, each on four days. dbt runs once a day; what it sent is sent again over each seed's rows.
--seeds 1-5 and --day "month end" take some of them, --in-turn one day a seed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import fault_nets
import warehouses
from fault_replay import FirstBuild, copy_of, open_copy, own_settings, record_build

from orchestration.ab_tests import refresh_ab_test_results
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.settings import PLATFORM, Settings

DAYS = {
    "Monday": date(2026, 5, 18),
    "Sunday": date(2026, 6, 14),
    "month end": date(2026, 6, 30),
    "Spring Festival": date(2026, 2, 18),
}
SEEDS = range(1, 31)
Alarms = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Day:
    """A warehouse that is deployed and empty, its clock, and what dbt sends to build it."""

    empty: Settings
    build: FirstBuild

    def alarms(self, seed: int, folder: Path) -> Alarms:
        """What the nets say of a seed's rows; `folder` holds the seed's warehouse."""
        settings = loaded(self.empty, seed, folder)
        with closing(open_copy(settings)) as connection:
            tests = tuple(self.build.replay(connection))
        refresh_ab_test_results(settings)
        return {net: a for net, a in {**alarms(settings), "dbt test": tests}.items() if a}


def alarms(settings: Settings) -> Alarms:
    """What the nets beside dbt's tests say of a warehouse."""
    return {
        "doctor": fault_nets.doctor(settings),
        "freshness": fault_nets.freshness(settings),
        "late data": fault_nets.late_data(settings),
        "suite": fault_nets.suites(settings, (*settings.domains, PLATFORM)),
    }


def prepare(day: date, folder: Path, seed: int = 1) -> Day:
    """Deploy for a day, and record a build over one seed's rows, whose tests must hold."""
    now = datetime(day.year, day.month, day.day, 23, 59, 59)
    settings = own_settings(folder, now)
    deploy(settings, progress=lambda _: None)
    warehouses.dbt(settings, "seed")
    return Day(settings, record_build(loaded(settings, seed, folder / "recording")))


def loaded(empty: Settings, seed: int, folder: Path) -> Settings:
    """A copy of the empty warehouse with a seed's rows, which leave no files behind."""
    settings, sample = copy_of(empty, folder), folder / "sample"
    assert settings.as_of is not None
    generate(settings, warehouses.SCALE, seed, settings.as_of.date(), sample)
    load(settings, sample)
    shutil.rmtree(sample)
    return settings


def run(
    days: Iterable[str],
    seeds: Iterable[int],
    folder: Path,
    in_turn: bool,
    say: Callable[[str], None],
) -> list[str]:
    """Each seed on each day, or on one in turn; the runs with an alarm, in words."""
    listed, cried, runs = list(days), [], 0
    for number, name in enumerate(listed):
        own = [s for s in seeds if not in_turn or s % len(listed) == number]
        day = prepare(DAYS[name], folder / str(DAYS[name])) if own else None
        for seed in own if day else ():
            began = time.monotonic()
            found = day.alarms(seed, folder / "run")
            runs += 1
            line = f"seed {seed} on {DAYS[name]} ({name})"
            say(f"{runs:4} {line}: {found or 'no alarm'} ({time.monotonic() - began:.0f} s)")
            cried += [f"{line}: {found}"] if found else []
    say(f"{runs} runs, {len(cried)} with an alarm")
    return cried


def main() -> int:
    """The command; 0 when nothing raised an alarm."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default=f"{SEEDS[0]}-{SEEDS[-1]}", help="as in 3 or 1-5")
    parser.add_argument("--day", choices=list(DAYS), help="one day only")
    parser.add_argument("--in-turn", action="store_true", help="each seed on one of the days")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    with tempfile.TemporaryDirectory(prefix="clean-") as folder:
        days = [given.day] if given.day else DAYS
        cried = run(days, seeds, Path(folder), given.in_turn, lambda line: print(line, flush=True))
    return 1 if cried else 0


if __name__ == "__main__":
    sys.exit(main())
