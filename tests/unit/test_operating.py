"""An operation inside a Dagster run: what its page shows, and how its errors leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from orchestration.errors import WarehouseError
from orchestration.operating import Choice, operate
from orchestration.operations.running import Operation, Run, only_one
from orchestration.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path), "WAREHOUSE_AS_OF": "2026-06-30"})


def operation(perform: Callable[[Run], None]) -> Operation:
    return Operation("try_it", "core", perform, "Tries it.")


def raising(message: str) -> Operation:
    def perform(_run: Run) -> None:
        raise WarehouseError(message, fix="mend it.")

    return operation(perform)


def test_the_page_says_what_was_done(settings: Settings) -> None:
    def perform(run: Run) -> None:
        run.examined += 5
        run.change("t1", ["a", "b"], lambda _connection, rows: len(rows))
        run.notes.append("a note")

    told = operate(operation(perform), settings, Choice(dry_run=True))
    assert (told["rows examined"], told["rows changed"], told["dry run"]) == (5, 2, True)
    assert told["as_of"] == "2026-06-30 23:59:59"
    assert told["changed by tenant"].value == {"t1": 2}
    assert told["notes"].value == "a note"


def test_a_known_error_is_a_failure_that_names_the_fix_and_is_not_tried_again(
    settings: Settings,
) -> None:
    with pytest.raises(dg.Failure) as caught:
        operate(raising("It broke."), settings, Choice())
    assert caught.value.description == "It broke. Fix: mend it."
    assert not caught.value.allow_retries


def test_a_file_that_others_hold_is_waited_for(settings: Settings) -> None:
    with pytest.raises(dg.RetryRequested):
        operate(raising("Another process holds /x: dbt, process 7."), settings, Choice())


def test_a_second_run_leaves_the_work_to_the_first(settings: Settings) -> None:
    with only_one(settings, "try_it"):
        told = operate(raising("never reached"), settings, Choice())
    assert told == {"skipped": "try_it is running already."}
