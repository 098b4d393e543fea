"""Builds of the behaviour tables after late rows, deletions, backfills and a full refresh.

Events are dense around midnights and half hours, and a month ends in the window. Each build must
end in what the oracle computes from the raw rows of that moment, and leave alone what did not
change. The tests of an engine run in the order in which they stand.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import oracles.customer_behavior as oracle
import pandas as pd
import pytest
import warehouses
from oracles.base import DAY, Raw, Row
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 7, 3, 12)
FIRST_DAY = date(2026, 5, 4)
WINDOW = (date(2026, 6, 30), date(2026, 7, 3))
BACKFILL = (date(2026, 6, 8), date(2026, 6, 14))
STATISTICS, SEQUENCES, FACTS = (
    "customer_behavior_statistics", "customer_behavior_sequences", "fct_behavior_events",
)  # fmt: skip
RELATIONS = {
    f"customer_management.{STATISTICS}": ("customer_id", "behavior_id", "stat_period", "stat_date"),
    f"customer_management.{SEQUENCES}": ("event_id",),
    f"warehouse.{FACTS}": ("event_id",),
}
ORACLES = {
    STATISTICS: oracle.behavior_statistics,
    SEQUENCES: oracle.behavior_sequences,
    FACTS: oracle.behavior_events,
}
CUSTOMERS = [
    {
        "id": f"c{n}", "tenant_id": "t1", "customer_code": f"c{n}", "name": "顾客",
        "source_channel": "website",
    }
    for n in range(5)
]  # fmt: skip
BEHAVIORS = [
    {
        "id": f"b{n}", "tenant_id": "t1", "behavior_name": "行为", "behavior_code": f"code_{n}",
        "behavior_category": "visit", "behavior_type": "event", "enable_statistics": n < 2,
        "is_positive": True,
    }
    for n in range(3)
]  # fmt: skip
# Minutes from a midnight: pauses of just under, exactly and over half an hour, and ties.
MINUTES = (-61, -40, -31, -30, -29, -10, -1, 0, 0, 1, 5, 29, 30, 31, 59, 60, 89, 600, 630, 661)


@dataclass
class Events:
    """The raw events, here and in the engine."""

    warehouse: WindowWarehouse
    random: random.Random
    rows: dict[str, Row] = field(default_factory=dict)

    def add(self, count: int, first: date, last: date) -> set[date]:
        """Insert events of these days; the days that got some."""
        made = [self._make(first, last) for _ in range(count)]
        self.rows.update((row["id"], row) for row in made)
        self.warehouse.insert("customer_behavior_events", *made)
        return {row["event_time"].date() for row in made}

    def _make(self, first: date, last: date) -> Row:
        pick = self.random
        while True:
            day = first + pick.randrange((last - first).days + 2) * DAY
            moment = datetime.combine(day, datetime.min.time())
            moment += timedelta(minutes=pick.choice(MINUTES), seconds=pick.choice((0, 0, 1)))
            if first <= moment.date() <= last:
                break
        return {
            "id": f"e{pick.getrandbits(60)}",
            "tenant_id": "t1",
            "customer_id": pick.choice(("c0", "c0", "c0", "c1", "c2", "c3", "c4", "stranger")),
            "behavior_id": pick.choice(("b0", "b0", "b1", "b2", "undefined")),
            "session_id": pick.choice((None, None, None, "", "s1", "S1", "auto-1")),
            "event_name": "x",
            "event_source": "web",
            "event_value": pick.choice((None, None, 1, 100)),
            "duration_seconds": pick.choice((None, 1, 2)),
            "event_time": moment,
        }

    def drop(self, keep: int, first: date, last: date) -> set[date]:
        """Delete all but every `keep`th event of these days; the days that lost some."""
        inside = sorted(i for i, r in self.rows.items() if first <= r["event_time"].date() <= last)
        gone = [self.rows.pop(key) for number, key in enumerate(inside) if number % keep]
        names = {f"id_{number}": row["id"] for number, row in enumerate(gone)}
        self.warehouse.execute(
            "delete from {prefix}customer_management.customer_behavior_events"
            f" where id in ({', '.join(f':{name}' for name in names)})",
            **names,
        )
        return {row["event_time"].date() for row in gone}

    def raw(self) -> Raw:
        """What the oracle reads."""
        absent = dict.fromkeys(
            ("processed_at", "ip_address", "location_info", "related_object_type",
             "related_object_id")
        )  # fmt: skip
        tables: Mapping[str, Iterable[Row]] = {
            "customers": CUSTOMERS,
            "customer_behavior_definitions": BEHAVIORS,
            "customer_behavior_events": [{**absent, **row} for row in self.rows.values()],
        }
        frames = {name: pd.DataFrame(list(rows), dtype=object) for name, rows in tables.items()}
        return Raw(frames, FIRST_BUILD)


@pytest.fixture(scope="module")
def events(module_engine_settings: Settings) -> Events:
    """Two months of events, built once."""
    warehouse = WindowWarehouse(module_engine_settings, RELATIONS, ("core", "customer"))
    warehouse.deploy(FIRST_BUILD, FIRST_DAY)
    warehouse.insert("customers", *CUSTOMERS)
    warehouse.insert("customer_behavior_definitions", *BEHAVIORS)
    made = Events(warehouse, random.Random(4))
    made.add(500, FIRST_DAY, WINDOW[1])
    assert warehouse.build(FIRST_BUILD) == ()
    warehouse.mark()
    return made


def wrong(events: Events) -> list[str]:
    """What differs from the oracle, in all three tables."""
    lines = []
    for name, expected in ORACLES.items():
        found = {key: _as_python(row) for key, row in events.warehouse.read(name).items()}
        lines += warehouses.differences(found, expected(events.raw()))
    return lines


def _as_python(row: Row) -> Row:
    """JSON, and MySQL's booleans, as Python has them."""
    turned = dict(row)
    if isinstance(row.get("path_context"), str):
        turned["path_context"] = json.loads(row["path_context"])
    if row.get("is_positive_behavior") is not None:
        turned["is_positive_behavior"] = bool(row["is_positive_behavior"])
    return turned


def touched(changes: Mapping[Any, set[str]]) -> set[Any]:
    """Statistics rows that a build wrote, which kept created_at and moved updated_at."""
    for columns in changes.values():
        assert columns in ({"+"}, {"-"}) or "updated_at" in columns
        assert "created_at" not in columns
    return {(period, start) for _, _, period, start in changes}


def reach(days: set[date]) -> set[Any]:
    """The periods that hold one of these days, and those right after them."""
    found: set[Any] = set()
    for day in days:
        for period in oracle.PERIODS:
            start, later = oracle.first_day(period, day), day
            while period != "all_time" and oracle.first_day(period, later) == start:
                later += DAY
            found |= {(period, start), (period, oracle.first_day(period, later))}
    return found


def test_first_build_gives_what_the_oracle_computes(events: Events) -> None:
    assert wrong(events) == []
    stamps = {row["updated_at"] for row in events.warehouse.read(STATISTICS).values()}
    assert stamps == {FIRST_BUILD}


def test_late_rows_and_deletions_in_the_window_end_as_a_first_build_would(events: Events) -> None:
    """Sessions that reach out of the window are placed anew as a whole, also before it."""
    days = events.drop(2, *WINDOW) | events.add(25, *WINDOW)
    assert events.warehouse.build(FIRST_BUILD + timedelta(hours=2)) == ()
    assert wrong(events) == []
    assert touched(events.warehouse.changes(STATISTICS)) <= reach(days)
    placed = events.warehouse.read(SEQUENCES)
    changed = events.warehouse.changes(SEQUENCES)
    outside = [key for key in changed if key in placed and placed[key]["event_time"] < _start()]
    assert outside


def _start() -> datetime:
    return datetime.combine(WINDOW[0], datetime.min.time())


def test_a_replay_changes_nothing_whatever_happened_outside_the_window(events: Events) -> None:
    """The backfill of the next test takes it up."""
    warehouse = events.warehouse
    events.drop(3, *BACKFILL)
    events.add(25, *BACKFILL)
    warehouse.mark()
    assert warehouse.build(FIRST_BUILD + timedelta(hours=3)) == ()
    assert {name: warehouse.changes(name) for name in ORACLES} == {key: {} for key in ORACLES}


def test_a_backfill_takes_up_its_days_and_what_they_reach(events: Events) -> None:
    """Start inclusive, end exclusive."""
    first, last = BACKFILL
    window = {"start_date": f"{first}", "end_date": f"{last + DAY}"}
    assert events.warehouse.build(FIRST_BUILD + timedelta(hours=4), **window) == ()
    assert wrong(events) == []
    days = {first + number * DAY for number in range(7)}
    assert touched(events.warehouse.changes(STATISTICS)) <= reach(days)


def test_a_full_refresh_gives_what_a_first_build_would(events: Events) -> None:
    """Whatever day the unseen rows are of; rows that stay the same keep their stamps."""
    warehouse = events.warehouse
    days = events.add(10, date(2026, 5, 18), date(2026, 5, 24))
    warehouse.mark()
    assert warehouse.build(FIRST_BUILD + timedelta(hours=5), "--full-refresh") == ()
    assert wrong(events) == []
    assert touched(warehouse.changes(STATISTICS)) <= reach(days)


def test_days_whose_events_are_gone_are_not_lost(events: Events) -> None:
    """May was dropped: a backfill of it must not take its figures with it."""
    warehouse = events.warehouse
    warehouse.mark()
    warehouse.execute(
        "delete from {prefix}customer_management.customer_behavior_events where event_time < :day",
        day=datetime(2026, 6, 1),
    )
    later = FIRST_BUILD + timedelta(hours=6)
    (failure,) = warehouse.build(later, start_date="2026-05-18", end_date="2026-05-25")
    assert failure.startswith(STATISTICS)
    assert "would lose" in failure
    assert "need not have all rows of before 2026-06-0" in failure
    assert {name: warehouse.changes(name) for name in ORACLES} == {key: {} for key in ORACLES}
