"""The signs that a health report shows: units, reference ranges, and the figures of a period.

Ranges are those of adults at rest. They are printed with their source and judge nobody: whoever
reads the report does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

ADULT = 18
GLUCOSE = "blood_glucose"

# What a range's `source` stands for; printed under every report.
SOURCES: Mapping[str, str] = {
    "hypertension": (
        "《中国高血压防治指南（2024年修订版）》 / Chinese Guidelines for the Prevention and "
        "Treatment of Hypertension, 2024: hypertension from 140/90 mmHg"
    ),
    "diagnostics": (
        "万学红, 卢雪峰: 《诊断学》第9版, 人民卫生出版社, 2018 / Diagnostics, 9th ed.: "
        "pulse, breathing, hypotension under 90/60 mmHg; temperature from the lowest armpit to "
        "the highest mouth reading, for the site is not recorded"
    ),
    "oximetry": "WHO: Pulse Oximetry Training Manual, 2011: from 95 %",
    "obesity": "WHO Technical Report Series 894, 2000: normal body mass index",
    "diabetes": (
        "《中国糖尿病防治指南（2024版）》 / Guideline for the Prevention and Treatment of "
        "Diabetes in China, 2024: normal fasting under 6.1, two hours after a load under 7.8, low "
        "under 3.9 mmol/L"
    ),
}


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high`; `high` itself belongs to it only where `includes_high`."""

    low: Decimal
    high: Decimal
    includes_high: bool
    source: str

    def __str__(self) -> str:
        """In a notation that needs no language."""
        return f"{self.low} ≤ x {'≤' if self.includes_high else '<'} {self.high}"

    def is_above(self, value: Decimal) -> bool:
        """Whether a value is over the range."""
        return value > self.high or (value == self.high and not self.includes_high)

    def is_below(self, value: Decimal) -> bool:
        """Whether a value is under the range."""
        return value < self.low


def _to(low: str, high: str, source: str) -> Range:
    return Range(Decimal(low), Decimal(high), True, source)


def _under(low: str, high: str, source: str) -> Range:
    return Range(Decimal(low), Decimal(high), False, source)


@dataclass(frozen=True)
class Measure:
    """One line of the report: a column of health_vital_signs, its unit, its range for adults.

    `situation` is that of a blood sugar reading: readings of two situations do not compare.
    """

    code: str
    column: str
    unit: str
    reference: Range | None = None
    situation: str | None = None


MEASURES = (
    Measure("systolic_pressure", "systolic_pressure", "mmHg", _under("90", "140", "hypertension")),
    Measure("diastolic_pressure", "diastolic_pressure", "mmHg", _under("60", "90", "hypertension")),
    Measure("heart_rate", "heart_rate", "/min", _to("60", "100", "diagnostics")),
    Measure("respiratory_rate", "respiratory_rate", "/min", _to("12", "20", "diagnostics")),
    Measure("body_temperature", "body_temperature", "°C", _to("36.0", "37.2", "diagnostics")),
    Measure("oxygen_saturation", "oxygen_saturation", "%", _to("95", "100", "oximetry")),
    Measure("weight", "weight", "kg"),
    Measure("bmi", "bmi", "kg/m²", _under("18.5", "25", "obesity")),
    Measure("glucose_fasting", GLUCOSE, "mmol/L", _under("3.9", "6.1", "diabetes"), "fasting"),
    Measure("glucose_before_meal", GLUCOSE, "mmol/L", situation="before_meal"),
    Measure(
        "glucose_after_meal", GLUCOSE, "mmol/L", _under("3.9", "7.8", "diabetes"), "after_meal"
    ),
    Measure("glucose_bedtime", GLUCOSE, "mmol/L", situation="bedtime"),
    Measure("glucose_random", GLUCOSE, "mmol/L", situation="random"),
    Measure("glucose_not_said", GLUCOSE, "mmol/L"),
)  # fmt: skip


@dataclass(frozen=True)
class Day:
    """A sign on a business day on which it was taken."""

    date: date
    count: int
    minimum: Decimal
    mean: Decimal
    maximum: Decimal


@dataclass(frozen=True)
class Figures:
    """A sign over the period. Without a reference range nothing is below or above."""

    measure: str
    unit: str
    reference: Range | None
    count: int
    minimum: Decimal
    mean: Decimal
    maximum: Decimal
    first: Decimal
    first_at: datetime
    latest: Decimal
    latest_at: datetime
    change: Decimal
    below: int | None
    above: int | None
    days: tuple[Day, ...]


def figures_of(signs: Sequence[Mapping[str, Any]], *, adult: bool) -> tuple[Figures, ...]:
    """The figures of every measure that was taken; `signs` come in the order they were taken."""
    return tuple(
        _figures(measure, taken, adult) for measure in MEASURES if (taken := _taken(measure, signs))
    )


def _taken(measure: Measure, signs: Iterable[Mapping[str, Any]]) -> list[tuple[datetime, Decimal]]:
    return [
        (row["measured_at"], Decimal(row[measure.column]))
        for row in signs
        if row[measure.column] is not None
        and (measure.column != GLUCOSE or row["glucose_measurement_time"] == measure.situation)
    ]


def _figures(measure: Measure, taken: Sequence[tuple[datetime, Decimal]], adult: bool) -> Figures:
    values = [value for _, value in taken]
    reference = measure.reference if adult else None
    days = []
    for day, group in groupby(taken, lambda reading: reading[0].date()):
        own = [value for _, value in group]
        days.append(Day(day, len(own), min(own), mean(own), max(own)))
    return Figures(
        measure=measure.code,
        unit=measure.unit,
        reference=reference,
        count=len(values),
        minimum=min(values),
        mean=mean(values),
        maximum=max(values),
        first=values[0],
        first_at=taken[0][0],
        latest=values[-1],
        latest_at=taken[-1][0],
        change=values[-1] - values[0],
        below=sum(map(reference.is_below, values)) if reference else None,
        above=sum(map(reference.is_above, values)) if reference else None,
        days=tuple(days),
    )


def mean(values: Sequence[Decimal]) -> Decimal:
    """The mean, rounded half up to two decimals once."""
    return (sum(values, Decimal()) / len(values)).quantize(Decimal("0.01"), ROUND_HALF_UP)
