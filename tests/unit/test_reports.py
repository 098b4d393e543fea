"""The parts of a report that need no database: masks as the macros make them, ranges, words."""

from __future__ import annotations

import csv
import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from harness import MASK_KEY, UNIT_TESTS, read_csv, read_yaml

from orchestration.reports import charts, masking, page, words
from orchestration.reports.measures import ADULT, GLUCOSE, MEASURES, SOURCES, figures_of, mean
from orchestration.schema.record import load_record

(SIGNS,) = (t for t in load_record(("health",)).tables if t.name == "health_vital_signs")


def macro_cases(name: str, number: int | None = None) -> list[dict[str, Any]]:
    """Given and expected rows of a macro, joined: what SQL does on both engines."""
    content = read_yaml(UNIT_TESTS / "macros" / f"{name}.yml")
    case = content if number is None else content[number]
    expected = {row["id"]: row for row in read_csv(case["expect"])}
    return [row | expected[row["id"]] for row in read_csv(case["given"])]


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_pseudonyms_are_the_macros() -> None:
    for case in macro_cases("mask_hash"):
        if case["t"] is not None:
            assert masking.pseudonym(MASK_KEY, case["t"]) == case["pseudonym"]


def test_ages_and_bands_are_the_macros() -> None:
    for case in macro_cases("age_in_years"):
        if case["born"] and case["today"]:
            born, today = day(case["born"]), day(case["today"])
            age = masking.age_in_years(born, today)
            assert (None if age is None else str(age)) == case["age"], case
            assert masking.age_band(born, today) == case["band"], case


def test_provinces_are_the_macros() -> None:
    cases = macro_cases("generalise", 1)
    assert len(cases) == 8
    for case in cases:
        address = json.loads(case["a"]) if case["a"] else None
        assert masking.province_of(address) == case["province"], case


def test_the_release_rule_is_the_macros() -> None:
    for case in macro_cases("may_be_released"):
        patient = {
            "data_sharing_consent": case["has_data_sharing_consent"] == "1",
            "privacy_level": case["privacy_level"],
        }
        assert masking.may_be_released(patient) == (case["n"] == "1"), case


@pytest.mark.parametrize(
    ("bmi", "band"),
    [(None, None), ("18.4", "underweight"), ("18.5", "normal"), ("24.9", "normal"),
     ("25.0", "overweight"), ("29.9", "overweight"), ("30.0", "obese")],
)  # fmt: skip
def test_weight_classes_are_those_of_dim_patients(bmi: str | None, band: str | None) -> None:
    assert masking.bmi_band(Decimal(bmi) if bmi else None) == band


# --- measures ------------------------------------------------------------------------------------


def test_measures_cover_the_record() -> None:
    """Each stands on a column, and each situation of a blood sugar reading has its measure."""
    columns = {column.name: column for column in SIGNS.columns}
    assert {m.column for m in MEASURES} <= set(columns)
    situations = columns["glucose_measurement_time"].enum_values
    assert {m.situation for m in MEASURES if m.column == GLUCOSE} == {*situations, None}
    assert {m.reference.source for m in MEASURES if m.reference} == set(SOURCES)


@pytest.mark.parametrize(
    ("measure", "low", "inside", "high"),
    [
        ("systolic_pressure", "89", ("90", "139"), "140"),
        ("diastolic_pressure", "59", ("60", "89"), "90"),
        ("heart_rate", "59", ("60", "100"), "101"),
        ("respiratory_rate", "11", ("12", "20"), "21"),
        ("body_temperature", "35.9", ("36.0", "37.2"), "37.3"),
        ("bmi", "18.4", ("18.5", "24.9"), "25.0"),
        ("glucose_fasting", "3.89", ("3.90", "6.09"), "6.10"),
        ("glucose_after_meal", "3.89", ("3.90", "7.79"), "7.80"),
    ],
)
def test_the_ends_of_a_range(measure: str, low: str, inside: tuple[str, str], high: str) -> None:
    (found,) = (m for m in MEASURES if m.code == measure)
    assert found.reference
    for text, place in ((low, -1), (inside[0], 0), (inside[1], 0), (high, 1)):
        value = Decimal(text)
        assert found.reference.is_above(value) - found.reference.is_below(value) == place, text


def test_means_are_rounded_half_up_once() -> None:
    assert mean([Decimal(1)] * 199 + [Decimal(2)]) == Decimal("1.01")  # 1.005
    assert mean([Decimal("0.01"), Decimal("0.02")]) == Decimal("0.02")
    assert str(mean([Decimal(3)])) == "3.00"


def test_nobody_under_age_is_held_against_ranges_of_adults() -> None:
    assert ADULT == 18
    row = dict.fromkeys(column.name for column in SIGNS.columns)
    rows = [row | {"measured_at": datetime(2026, 6, 1), "heart_rate": 130}]
    (child,), (adult,) = figures_of(rows, adult=False), figures_of(rows, adult=True)
    assert (child.reference, child.below, child.above) == (None, None, None)
    assert (adult.below, adult.above) == (0, 1)


# --- words and charts ----------------------------------------------------------------------------


def test_every_word_of_the_template_is_there_in_both_languages() -> None:
    template = (Path(page.__file__).parent / page.TEMPLATE).read_text(encoding="utf-8")
    asked = set(re.findall(r'say\("(\w+)"', template)) | {m.column for m in MEASURES}
    assert asked <= set(words.WORDS)
    assert all(english.strip() and chinese.strip() for english, chinese in words.WORDS.values())


def test_labels_are_the_seeds() -> None:
    with words.LABELS_FILE.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["domain"] == "health"]
    for row in rows[::7]:
        place = (row["table_name"], row["column_name"], row["code"])
        assert words.Words("en").label(*place) == row["label_en"]
        assert words.Words("zh").label(*place) == row["label_zh"]
    assert words.Words("zh").label("health_alerts", "status", "new_state") == "new_state"


def test_a_chart_is_text_in_the_pages_colours_and_always_the_same() -> None:
    row = dict.fromkeys(column.name for column in SIGNS.columns)
    start = date(2026, 6, 1)
    rows = [
        row | {"measured_at": datetime(2026, 6, 1) + timedelta(hours=9 * n),
               "systolic_pressure": 110 + n, "diastolic_pressure": 70}
        for n in range(40)
    ]  # fmt: skip
    signs = figures_of(rows, adult=True)
    drawn = [charts.trend(signs, start, date(2026, 6, 30), '<b>"&') for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 'aria-label="&lt;b&gt;&#34;&amp;"' in drawn[0]
    assert "06-08" in drawn[0] and "<text" in drawn[0]
    assert not re.findall(r"#[0-9a-f]{6}\b(?!\")", re.sub(r'"#\w+"', "", drawn[0]))
    assert drawn[0].count("var(--series-1); opacity: 0.13") == 1, "no shaded range"
    assert drawn[0].count("var(--series-2); opacity: 0.13") == 1
