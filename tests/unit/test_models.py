"""The given/expect cases under tests/unit/<layer>/, on both engines (tests/harness.py says how)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Case, ModelHarness, load_cases, open_engine

CASES = load_cases()


@pytest.fixture(scope="module", params=["embedded", pytest.param("mysql", marks=pytest.mark.mysql)])
def harness(request: pytest.FixtureRequest) -> Iterator[ModelHarness]:
    server = request.getfixturevalue("mysql_server") if request.param == "mysql" else None
    with open_engine(request.param, server) as engine:
        yield ModelHarness(engine, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}-{case.name}")
def test_rows_in_rows_out(harness: ModelHarness, case: Case) -> None:
    harness.check(case)
