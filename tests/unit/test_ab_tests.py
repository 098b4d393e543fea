"""A/B test statistics against published worked examples, and the edges where there are none."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from orchestration.ab_tests import COMPUTED, compare, compare_arms


def test_openstax_hives() -> None:
    """Illowsky and Dean, Introductory Statistics, 10.3: two medications against hives.

    Of 200 adults each, 20 (medication A) and 12 (B) still had hives: pooled 0.08, p = 0.1404.
    """
    found = compare(20, 200, 12, 200)
    assert found["rate_difference"] == pytest.approx(0.04)
    assert found["z_score"] == pytest.approx(0.04 / math.sqrt(0.08 * 0.92 * 2 / 200))
    assert round(found["p_value"], 4) == 0.1404
    assert round(compare(12, 200, 20, 200)["p_value"], 4) == 0.1404
    assert compare(12, 200, 20, 200)["z_score"] == -found["z_score"]


def test_agresti_aspirin() -> None:
    """Agresti, An Introduction to Categorical Data Analysis, 2.2: the Physicians' Health Study.

    Heart attacks: 189 of 11,034 with placebo, 104 of 11,037 with aspirin. Difference 0.0077, 95 %
    interval 0.005 to 0.011, relative risk 1.82, X² = 25.0 = z².
    """
    found = compare(189, 11034, 104, 11037)
    assert round(found["rate_difference"], 4) == 0.0077
    assert round(found["difference_low"], 3) == 0.005
    assert round(found["difference_high"], 3) == 0.011
    assert round(1 + found["lift_ratio"], 2) == 1.82
    assert round(found["z_score"] ** 2, 1) == 25.0
    assert found["has_enough_sample"] is True


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [((56, 70, 48, 80), 0.0575, 0.3425), ((9, 10, 3, 10), 0.2605, 0.9395)],
)
def test_newcombe_intervals(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II: method 1, uncorrected."""
    found = compare(*counts)
    assert round(found["difference_low"], 4) == low
    assert round(found["difference_high"], 4) == high


@pytest.mark.parametrize(
    "counts",
    [
        (0, 0, 10, 100),  # nobody saw the arm
        (10, 100, 0, 0),  # or the control
        (None, 100, 10, 100),
        (10, None, 10, 100),
        (10, 100, None, None),
        (101, 100, 10, 100),  # more conversions than people
        (10, 100, -1, 100),
    ],
)
def test_an_empty_or_contradictory_arm_gives_nulls(counts: tuple[Any, ...]) -> None:
    assert compare(*counts) == dict.fromkeys(COMPUTED)


def test_without_a_conversion_of_the_control_there_is_no_lift() -> None:
    found = compare(5, 100, 0, 100)
    assert found["lift_ratio"] is None
    assert found["rate_difference"] == 0.05
    assert found["z_score"] > 2


@pytest.mark.parametrize(("won", "lift"), [(0, None), (50, 0.0)])
def test_where_everybody_did_the_same_there_is_no_z(won: int, lift: float | None) -> None:
    found = compare(won, 50, won, 50)
    assert (found["z_score"], found["p_value"]) == (None, None)
    assert (found["difference_low"], found["difference_high"]) == (0, 0)
    assert found["lift_ratio"] == lift


@pytest.mark.parametrize(
    ("counts", "enough"),
    [
        ((10, 100, 90, 100), True),
        ((9, 100, 50, 100), False),
        ((50, 100, 9, 100), False),
        ((91, 100, 50, 100), False),
        ((50, 100, 91, 100), False),
        ((50, 99, 50, 100), False),
        ((50, 100, 50, 99), False),
    ],
)
def test_enough_is_on_both_sides(counts: tuple[int, int, int, int], enough: bool) -> None:
    assert compare(*counts)["has_enough_sample"] is enough


def test_the_control_is_compared_with_nobody_and_whole_numbers_stay_whole() -> None:
    control = {"control_arm_name": "control", "control_participants": 200}
    common = {"ab_test_id": "x1", "tenant_id": "t1", **control, "control_conversions": 20}
    arms = pd.DataFrame(
        [
            {"ab_test_arm_id": "a", "arm_name": "control", "is_control": 1, "participants": 200,
             "conversions": 20, **common},
            {"ab_test_arm_id": "b", "arm_name": "b", "is_control": 0, "participants": 200,
             "conversions": 12, **common},
            {"ab_test_arm_id": "c", "arm_name": "c", "is_control": 0, "participants": None,
             "conversions": None, **common},
        ],
        dtype=object,
    )  # fmt: skip
    one, two, three = compare_arms(arms).to_dict("records")
    assert {name: one[name] for name in COMPUTED} == dict.fromkeys(COMPUTED)
    assert {name: three[name] for name in COMPUTED} == dict.fromkeys(COMPUTED)
    assert (three["participants"], three["control_participants"]) == (None, 200)
    assert isinstance(two["participants"], int)
    assert two["lift_ratio"] == -0.4
    assert round(two["p_value"], 4) == 0.1404


def test_no_tests_no_rows() -> None:
    arms = pd.DataFrame(columns=["ab_test_arm_id", "ab_test_id", "tenant_id", "arm_name",
        "is_control", "participants", "conversions", "control_arm_name", "control_participants",
        "control_conversions"], dtype=object)  # fmt: skip
    assert compare_arms(arms).empty
