"""Late rows ask for their days once: the sensor over tables that dbt built, on both engines."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from rows import change, insert, make_tables, table
from warehouses import ENGINES, Demo
from window_warehouse import WindowWarehouse

from orchestration.late_data import (
    WITNESSES,
    days_looked_at,
    find_late_days,
    findings,
    to_request,
)
from orchestration.partitions import window_variables
from orchestration.schedules import RANGE_END, RANGE_START
from orchestration.sensors import (
    LATE_DATA,
    MOST_REQUESTS,
    RUN_KEY_TAG,
    SENSOR_TAG,
    build_late_data_sensor,
)
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 12)
TODAY = AS_OF.date()
MESSAGES = "wework_message_records"
[BY_ACCOUNT] = [witness for witness in WITNESSES if witness.source == MESSAGES]
JOB = "late_wework_message_records"


@dg.job(name=JOB, executor_def=dg.in_process_executor)
def late_messages() -> None:
    @dg.op
    def nothing() -> None: ...

    nothing()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture(scope="module")
def warehouse(module_engine_settings: Settings) -> WindowWarehouse:
    """A message on each of the last forty days, built."""
    warehouse = WindowWarehouse(
        replace(module_engine_settings, as_of=AS_OF),
        {"wework_platform.wework_account_daily": ("account_id", "stat_date")},
        domains=("wework",),
    )
    warehouse.deploy(AS_OF, oldest=ago(62))
    for days in range(40):
        message(warehouse, ago(days))
    assert warehouse.build(AS_OF, start_date=str(ago(60)), end_date=str(ago(-1))) == ()
    return warehouse


def message(warehouse: WindowWarehouse, day: date, direction: str = "send", note: str = "") -> None:
    moment = datetime(day.year, day.month, day.day, 23, 59, 59)
    name = f"{day}{direction}{note}"
    insert(
        warehouse.settings,
        MESSAGES,
        {"id": name, "message_id": name, "direction": direction, "created_at": moment},
    )


def tick(settings: Settings, instance: dg.DagsterInstance | None = None) -> Any:
    sensor = build_late_data_sensor(settings, [late_messages])
    with dg.DagsterInstance.ephemeral() as empty:
        return sensor(dg.build_sensor_context(instance=instance or empty))


def days_of(result: Any) -> list[tuple[str, str, str]]:
    """Job, first and last day of each request; none where the tick skipped."""
    if isinstance(result, dg.SkipReason):
        return []
    return [(r.job_name, r.tags[RANGE_START], r.tags[RANGE_END]) for r in result.run_requests]


def test_late_rows_ask_for_exactly_their_days_until_these_are_built(
    warehouse: WindowWarehouse,
) -> None:
    settings = warehouse.settings
    assert tick(settings).skip_message == "No late data."

    message(warehouse, ago(10), note="late")
    message(warehouse, ago(36), note="too old")
    message(warehouse, ago(0), note="of a day that goes on")
    wanted = [(JOB, str(ago(10)), str(ago(10)))]
    first = tick(settings)
    assert days_of(first) == wanted
    [asked] = first.run_requests
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {**asked.tags, RUN_KEY_TAG: asked.run_key, SENSOR_TAG: LATE_DATA}
        run = instance.create_run_for_job(late_messages, tags=tags)
        assert "not finished" in tick(settings, instance).skip_message
        instance.report_run_failed(run)
        assert "each built once already" in tick(settings, instance).skip_message, "asked for twice"
        message(warehouse, ago(10), "receive", "still later")
        assert days_of(tick(settings, instance)) == wanted, "another finding on the same day"

    assert warehouse.build(AS_OF, **window_variables(*wanted[0][1:])) == ()
    assert tick(settings).skip_message == "No late data."

    message(warehouse, ago(35), note="just young enough")
    message(warehouse, ago(34), "receive")
    message(warehouse, ago(1), note="yesterday's")
    there = table(settings, MESSAGES)
    change(settings, MESSAGES, there.c.id == f"{ago(20)}send", created_at=datetime(2026, 6, 30))
    assert days_of(tick(settings)) == [
        (JOB, str(ago(1)), str(ago(1))),
        (JOB, str(ago(20)), str(ago(20))),
        (JOB, str(ago(35)), str(ago(34))),
    ], "a day that lost its only row is late too"
    early = replace(settings, as_of=datetime(2026, 6, 30, 7, 59))
    assert (JOB, str(ago(1)), str(ago(1))) not in days_of(tick(early)), "not built yet, hence new"


@pytest.mark.parametrize("engine", ENGINES)
def test_every_witness_counts_its_source_exactly(demo: Demo, engine: str) -> None:
    settings = demo.on(engine)
    first, end = days_looked_at(settings.as_of)
    for witness in WITNESSES:
        source = demo.raw.tables[witness.source]
        if witness.only:
            source = source[source[witness.only].notna()]
        days = Counter(moment.date() for moment in source[witness.moment] if moment is not None)
        recorded: Counter[date] = Counter()
        for row in demo.rows(engine, *witness.rollup.split(".")):
            recorded[row["stat_date"]] += sum(row[column] for column in witness.counts)
        asked = [first + timedelta(days=n) for n in range((end - first).days)]
        assert sum(bool(days[day]) for day in asked) >= 20, "something is compared"
        assert [days[day] for day in asked] == [recorded[day] for day in asked], witness.source
    assert find_late_days(settings) == []


def test_a_rollup_that_was_never_built_says_nothing(engine_settings: Settings) -> None:
    settings = replace(engine_settings, domains=("ai",), as_of=AS_OF)
    make_tables(settings, ["ai_call_logs", "ai_dispatch_logs"])
    insert(settings, "ai_call_logs", {"platform_id": "p", "created_at": datetime(2026, 6, 20)})
    assert find_late_days(settings) == []


def test_a_file_that_is_held_is_a_reason_to_skip(embedded_settings: Settings) -> None:
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    embedded_settings.duckdb_path.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(embedded_settings.duckdb_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert "Another process holds" in tick(embedded_settings).skip_message
        holder.communicate(b"\n")


def counted(*numbers: int) -> dict[date, int]:
    return {ago(len(numbers) - at): number for at, number in enumerate(numbers) if number}


@pytest.mark.parametrize(
    ("there", "recorded", "days"),
    [
        ((), (), []),
        ((1, 2, 3), (1, 2, 3), []),
        ((1, 2, 3), (1, 1, 3), [(2, 2)]),
        ((1, 2, 3), (0, 1, 3), [(3, 2)]),
        ((1, 2, 3), (0, 2, 0), [(3, 3), (1, 1)]),
        ((0, 2, 0), (1, 2, 0), [(3, 3)]),
    ],
)
def test_neighbouring_days_are_one_finding(
    there: Sequence[int], recorded: Sequence[int], days: list[tuple[int, int]]
) -> None:
    found = findings(BY_ACCOUNT, counted(*there), counted(*recorded))
    assert [(f.first, f.last) for f in found] == [(ago(a), ago(b)) for a, b in days]
    assert len({f.key for f in found}) == len(found)


def test_a_tick_asks_for_a_few_and_the_next_goes_on() -> None:
    found = findings(BY_ACCOUNT, {ago(days): 1 for days in range(1, 30, 2)}, {})
    first = to_request(found, (), MOST_REQUESTS)
    assert [f.last for f in first] == [ago(days) for days in (1, 3, 5, 7, 9)]
    then = to_request(found, {f.key for f in first}, MOST_REQUESTS)
    assert [f.last for f in then] == [ago(days) for days in (11, 13, 15, 17, 19)]


def test_yesterday_counts_once_its_build_has_had_its_time() -> None:
    assert days_looked_at(datetime(2026, 3, 10, 7, 59)) == (date(2026, 2, 3), date(2026, 3, 9))
    assert days_looked_at(datetime(2026, 3, 10, 8, 0)) == (date(2026, 2, 3), date(2026, 3, 10))
