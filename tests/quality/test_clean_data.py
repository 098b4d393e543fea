"""No net cries wolf over clean data of 30 seeds; docs/quality.md says where some still do."""

from __future__ import annotations

from pathlib import Path

import pytest
from clean_data import DAYS, SEEDS, alarms, run
from warehouses import Demo


def test_the_demo_raises_no_alarm(demo: Demo) -> None:
    """dbt's own tests run over it elsewhere."""
    assert {net: found for net, found in alarms(demo.on("embedded")).items() if found} == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("day", DAYS)
def test_clean_data_raises_no_alarm(day: str, tmp_path: Path) -> None:
    assert run([day], SEEDS, tmp_path, False, print) == []
