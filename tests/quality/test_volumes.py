"""Volumes are held against chance: tight for large figures, patient with small and bursty ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta

import duckdb
import pytest

from expectations.base import Expectation, Product, Scope, complete, steady_volume

TODAY = date(2026, 6, 30)
DAYS = 60
SCOPE = Scope(
    datetime(2026, 6, 30, 12),
    relation=lambda database, name: f"{database}.{name}",
    domains=("core",),
)
WEEK = (1.0, 1.0, 1.1, 1.0, 0.9, 0.4, 0.3)


def counts(usual: int, burst: int = 1, seed: int = 1) -> dict[date, int]:
    """Rows of each closed day: independent bursts of rows, fewer of them at weekends."""
    drawn = random.Random(seed)
    found = {}
    for ago in range(1, DAYS):
        day = TODAY - timedelta(days=ago)
        bursts = WEEK[day.weekday()] * usual / burst
        found[day] = burst * max(0, round(drawn.gauss(bursts, bursts**0.5)))
    return found


def found_in(
    rows: dict[tuple[str, date], int], expectation: Expectation, relation: str = "figures"
) -> list[tuple]:
    """What the expectation finds in as many rows, or in `written`, where a day is one row.

    Tenant `a` is open, `b` is suspended.
    """
    with duckdb.connect() as connection:
        connection.execute("create schema saas_unified_core")
        connection.execute("create table saas_unified_core.saas_tenants(id text, status text)")
        connection.execute(
            "insert into saas_unified_core.saas_tenants values ('a', 'active'), ('b', 'suspended')"
        )
        connection.execute("create table written(tenant_id text, stat_date date, times int)")
        connection.executemany(
            "insert into written values (?, ?, ?)", [[*key, times] for key, times in rows.items()]
        )
        connection.execute(
            "create view figures as select tenant_id, stat_date from written, range(times)"
        )
        look = Product("main", relation, [expectation]).look(SCOPE, expectation)
        return connection.execute(look).fetchall()


def judged(days: dict[date, int]) -> list[date]:
    """The days whose volume is an alarm."""
    expectation = steady_volume("amounts_are_steady", SCOPE, "times", "A test.", least=20)
    rows = {("a", day): n for day, n in days.items()}
    return [row[0] for row in found_in(rows, expectation, "written")]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("usual", "burst"), [(30, 1), (60, 10), (400, 10), (5000, 20), (1_000_000, 1)]
)
def test_chance_is_no_alarm(usual: int, burst: int) -> None:
    assert [day for seed in range(8) for day in judged(counts(usual, burst, seed))] == []


@pytest.mark.parametrize("usual", [200, 1000, 1_000_000])
@pytest.mark.parametrize(
    "damage", [lambda n: 0, lambda n: 2 * n, lambda n: int(0.3 * n)], ids=["lost", "twice", "part"]
)
def test_damage_is_an_alarm(usual: int, damage: Callable[[int], int]) -> None:
    days = counts(usual)
    days[ago(1)] = damage(days[ago(1)])
    assert judged(days) == [ago(1)]


def test_a_large_figure_has_narrow_bounds() -> None:
    """What chance explains of a small and bursty figure, it does not of a large one."""
    for usual, burst, expected in ((60, 10, []), (1_000_000, 10, [ago(1)])):
        days = counts(usual, burst)
        days[ago(1)] = int(1.8 * days[ago(8)])
        assert judged(days) == expected


def test_a_fault_of_last_month_does_not_excuse_todays() -> None:
    days = counts(300)
    days[ago(15)], days[ago(22)] = 0, 3 * days[ago(22)]
    days[ago(2)] *= 2
    assert judged(days) == [ago(2)]


@pytest.mark.parametrize(
    ("tenant", "usual", "burst", "pace", "since", "alarms"),
    [
        ("a", 300, 1, 1, 8, 1),
        ("b", 300, 1, 1, 8, 0),
        ("a", 60, 15, 1, 8, 0),
        ("a", 30, 1, 0.1, 8, 0),
        ("a", 300, 1, 0.02, 4, 0),
    ],
    ids=["busy", "suspended", "bursty", "fading", "a trickle since two days"],
)
def test_a_busy_tenant_must_not_fall_silent(
    tenant: str, usual: int, burst: int, pace: float, since: int, alarms: int
) -> None:
    days = {day: max(n, 12) for day, n in counts(usual, burst).items() if day != ago(1)}
    days |= {day: round(pace * n) for day, n in days.items() if day > ago(since)}
    expectation = complete("days_are_complete", SCOPE, "A test.")
    assert len(found_in({(tenant, day): n for day, n in days.items()}, expectation)) == alarms
