"""The fault catalogue: every kind of damage is caught by the net that must catch it.

`make test` throws a tenth of it into the demo's data, that of the day of the year unless
WAREHOUSE_TEST_FAULTS_TENTH names one (0 to 9); `make proof` throws all.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import fault_catalogue
import fault_nets
import faults as command
import pytest
from fault_catalogue import SEVERITIES, TENTHS, catalogue, tenth
from fault_replay import copy_of
from warehouses import Demo

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.settings import DOMAINS
from orchestration.validation import validate

OWN = """
faults:
  - id: a_fault_of_my_own
    domain: wework
    happens: The connector books every message on tomorrow.
    inject: "update {wework_platform}.wework_message_records set created_at = created_at
      + interval 1 day where created_at >= {day[0]}"
    net: suite
    severity: high
"""


def missed(verdicts: list[fault_nets.Verdict]) -> str:
    return "\n".join(str(verdict) for verdict in verdicts if not verdict.is_caught)


def test_a_tenth_is_caught(demo: Demo, tmp_path: Path) -> None:
    named = os.environ.get("WAREHOUSE_TEST_FAULTS_TENTH")
    number = int(named) if named else date.today().timetuple().tm_yday % TENTHS
    print(f"WAREHOUSE_TEST_FAULTS_TENTH={number}")
    chosen = tenth(catalogue(), number)
    verdicts = command.throw_all(demo.on("embedded"), chosen, tmp_path, print)
    assert missed(verdicts) == ""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_are_caught(demo: Demo, tmp_path: Path) -> None:
    verdicts = command.throw_all(demo.on("embedded"), catalogue(), tmp_path, print)
    assert missed(verdicts) == ""


def test_the_catalogue_is_wide() -> None:
    faults = catalogue()
    assert len(faults) >= 100
    assert min(Counter(f.domain for f in faults if f.domain in DOMAINS).values()) >= 15
    assert {f.net for f in faults} == set(fault_catalogue.NETS)
    assert {f.severity for f in faults} == set(SEVERITIES)
    assert all(f.id.startswith(f"{f.domain}_") for f in faults)


def test_all_tenths_are_everything() -> None:
    faults = catalogue()
    found = [f.id for number in range(TENTHS) for f in tenth(faults, number)]
    assert sorted(found) == sorted(f.id for f in faults)
    sizes = [len(tenth(faults, number)) for number in range(TENTHS)]
    assert max(sizes) - min(sizes) <= 6


def test_suites_are_asked_as_validate_asks(demo: Demo, tmp_path: Path) -> None:
    settings = copy_of(demo.on("embedded"), tmp_path)
    with database.begin(settings) as connection:
        for fault in catalogue():
            if fault.id in ("wework_rate_of_140", "wework_messages_day_lost"):
                for statement in fault.statements(settings.as_of or datetime.min):
                    connection.exec_driver_sql(statement)
    report = validate(settings, ["wework"])
    names = {failure.name for suite in report.suites for failure in suite.failures}
    assert len(names) >= 2
    assert set(fault_nets.suites(settings, ("wework",))) == names


def test_a_fault_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "my.yml"
    file.write_text(OWN, encoding="utf-8")
    (fault,) = fault_catalogue.read([file])
    assert fault.changed == {("wework_platform", "wework_message_records")}
    assert fault.statements(datetime(2026, 6, 30, 23, 59, 59)) == [
        "update wework_platform.wework_message_records set created_at = created_at "
        "+ interval 1 day where created_at >= date '2026-06-30'"
    ]


def test_faults_of_ones_own_are_thrown(demo: Demo, tmp_path: Path) -> None:
    """One that its net catches and one that no net sees, from a file outside the project."""
    file = tmp_path / "my.yml"
    unseen = OWN.replace("a_fault_of_my_own", "an_update_of_nothing").replace(
        "+ interval 1", "+ interval 0"
    )
    file.write_text(OWN + unseen.replace("\nfaults:", ""), encoding="utf-8")
    seen, missed = command.throw_all(
        demo.on("embedded"), fault_catalogue.read([file]), tmp_path / "scratch"
    )
    assert "message_records_are_not_of_tomorrow" in seen.alarms["suite"]
    assert str(missed).startswith("NOT CAUGHT")
    assert missed.alarms == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("net: suite", "net: luck", "has net 'luck'"),
        ("severity: high", "seventy: high", "lacks severity and has an unknown seventy"),
        ('"update {wework_platform}.', '"update ', "changes nothing that can be recognised"),
        ("faults:", "- faults", "is no fault file"),
    ],
)
def test_what_cannot_be_understood(old: str, new: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "my.yml"
    file.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(WarehouseError, match=re.escape(message)):
        fault_catalogue.read([file])


def test_the_docs_list_the_catalogue() -> None:
    text = command.DOCS.read_text(encoding="utf-8")
    listed = text.split(command.BEGIN)[1].split(command.END)[0]
    told = re.findall(r"^\| (\w+) \|.*\| ([\w ]+) \| [^|]* \| [\d.]+ \|$", listed, re.MULTILINE)
    assert told == [(fault.id, fault.net) for fault in catalogue()], (
        "run `.venv/bin/python tests/faults.py --write-docs`"
    )
