"""No net cries wolf: clean data of many seeds, on a Monday, a Sunday, a month's end and a festival.

Each seed is judged on one of the four days, in turn.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

import fault_nets
import pytest
import warehouses
from warehouses import Demo

from orchestration.dbt_project import build
from orchestration.sampledata.generate import generate
from orchestration.settings import PLATFORM, Settings
from orchestration.validation import validate

DAYS = {
    "Monday": date(2026, 5, 18),
    "Sunday": date(2026, 6, 14),
    "month end": date(2026, 6, 30),
    "Spring Festival": date(2026, 2, 18),
}
SEEDS = range(1, 31)


def alarms(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What the nets beside dbt's tests say."""
    return {
        "doctor": fault_nets.doctor(settings),
        "freshness": fault_nets.freshness(settings),
        "late data": fault_nets.late_data(settings),
        "suite": fault_nets.suites(settings, (*settings.domains, PLATFORM)),
    }


def test_the_demo_raises_no_alarm(demo: Demo) -> None:
    """dbt's own tests run over it elsewhere."""
    assert {net: found for net, found in alarms(demo.on("embedded")).items() if found} == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_clean_data_raises_no_alarm(seed: int, embedded_settings: Settings, tmp_path: Path) -> None:
    day = [*DAYS.values()][seed % len(DAYS)]
    settings = replace(embedded_settings, as_of=datetime.combine(day, time(23, 59, 59)))
    os.environ.pop("WAREHOUSE_AS_OF", None)
    sample = tmp_path / "sample"
    generate(settings, warehouses.SCALE, seed, day, sample)
    warehouses.build(settings, sample)
    built = build(settings, progress=lambda _: None)
    assert (built.failures, built.warnings) == ((), ())
    assert {net: found for net, found in alarms(settings).items() if found} == {}
    report = validate(settings)
    assert report.success, report.summary()
