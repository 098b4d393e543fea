"""Policies and plans, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from orchestration.retention.plan import Archived, Facts, clock_problem, plan
from orchestration.retention.policy import Policy, policy_of, read_lookbacks, sealed_columns
from orchestration.schema.partitions import (
    CATCH_ALL,
    Partition,
    add_months,
    monthly,
    months_between,
)
from orchestration.schema.record import load_record

NOW = datetime(2026, 6, 30, 23, 59, 59)
FUTURE = Partition(CATCH_ALL, None)
POLICY = Policy("t", "created_at", 6, 1, archive=True, is_partitioned=True)


def parts(first: date, last: date) -> list[Partition]:
    return [*map(monthly, months_between(first, last)), FUTURE]


def dropped(policy: Policy, now: datetime, facts: Facts) -> list[str]:
    return [step.what for step in plan(policy, now, facts) if step.action == "drop"]


@pytest.mark.parametrize("months", [1, 6, 36])
@pytest.mark.parametrize("now", [datetime(2026, 6, 1), NOW, datetime(2026, 2, 28, 23, 59, 59)])
def test_cutoff_leaves_whole_months(months: int, now: datetime) -> None:
    policy = replace(POLICY, months=months)
    facts = Facts(partitions=parts(date(2022, 1, 1), date(2026, 9, 1)))
    kept = [p.name for p in facts.partitions if p.name not in dropped(policy, now, facts)]
    oldest = add_months(now.date(), -months)
    assert policy.cutoff(now) == datetime(oldest.year, oldest.month, 1)
    assert kept[0] == f"p{oldest:%Y%m}"
    assert kept[-1] == CATCH_ALL


def test_bound_a_second_late_keeps_the_partition() -> None:
    cutoff = POLICY.cutoff(NOW)
    for seconds, gone in ((-1, ["odd"]), (0, ["odd"]), (1, [])):
        odd = Partition("odd", cutoff + timedelta(seconds=seconds))
        facts = Facts(partitions=[odd, *parts(date(2026, 1, 1), date(2026, 9, 1))])
        assert dropped(POLICY, NOW, facts) == gone


def test_names_decide_nothing() -> None:
    lying = [Partition("p202001", datetime(2026, 5, 1)), Partition("p202609", datetime(2026, 7, 1))]
    assert dropped(POLICY, NOW, Facts(partitions=[*lying, FUTURE])) == []
    renamed = [Partition("x", datetime(2025, 5, 1)), Partition("y", datetime(2026, 7, 1))]
    assert dropped(POLICY, NOW, Facts(partitions=[*renamed, FUTURE])) == ["x"]


def test_newest_and_the_catch_all_stay_however_late_it_is() -> None:
    late = datetime(2036, 1, 1)
    facts = Facts(partitions=parts(date(2025, 1, 1), date(2025, 3, 1)))
    assert dropped(POLICY, late, facts) == ["p202501", "p202502"]
    assert dropped(POLICY, late, Facts(partitions=[FUTURE])) == []


def test_restored_held_and_distrusted_stay() -> None:
    month = date(2025, 1, 1)
    facts = Facts(
        partitions=parts(month, date(2026, 9, 1)),
        within={"p202501": {month: 3}},
        archived={month: Archived(3, True, date(2026, 6, 30))},
    )
    assert "p202501" not in dropped(POLICY, NOW, facts)
    assert "p202501" in dropped(POLICY, NOW + timedelta(days=1), facts)
    assert not dropped(POLICY, NOW, replace(facts, held="a court"))
    steps = plan(POLICY, NOW, replace(facts, distrust="the clock"))
    assert [(s.action, s.why) for s in steps] == [("refuse", "the clock")]


def test_refuses_policies_that_are_too_short() -> None:
    facts = Facts(partitions=parts(date(2025, 1, 1), date(2026, 9, 1)))
    first = datetime(2026, 6, 1)
    one = replace(POLICY, months=1)
    assert one.problem(first) == ""
    assert one.problem(first.replace(hour=23)) == ""
    # On the first of June 31 days are kept: 24 and the margin of 7.
    assert replace(one, lookback_days=24).problem(first) == ""
    assert "25 days" in replace(one, lookback_days=25).problem(first)
    assert "allowed" in replace(POLICY, minimum_months=7).problem(NOW)
    assert "allowed" in replace(POLICY, months=0, minimum_months=0).problem(NOW)
    [step] = plan(replace(POLICY, minimum_months=7), NOW, facts)
    assert step.action == "refuse"
    [step] = plan(POLICY, NOW, replace(facts, obstacle="no key"))
    assert (step.action, step.why) == ("refuse", "no key")


def test_archives_what_is_closed_and_new_or_changed() -> None:
    month = date(2026, 5, 1)
    facts = Facts(counts={month: 5, date(2026, 6, 1): 9})
    assert [(s.action, s.what, s.rows) for s in plan(POLICY, NOW, facts)] == [
        ("archive", "2026-05", 5)
    ]
    assert not plan(POLICY, NOW, replace(facts, archived={month: Archived(5)}))
    assert plan(POLICY, NOW, replace(facts, archived={month: Archived(4)}))
    assert not plan(POLICY, NOW, replace(facts, archived={month: Archived(9, expiring=True)}))
    assert not plan(POLICY, datetime(2026, 5, 31, 23, 59, 59), facts)


def test_rows_go_oldest_first_up_to_the_bound() -> None:
    policy = replace(POLICY, is_partitioned=False)
    facts = Facts(deletable={date(2025, 3, 1): 7, date(2025, 1, 1): 5, date(2025, 12, 1): 9})
    steps = plan(policy, NOW, facts, rows_a_run=8)
    assert [(s.action, s.what, s.rows) for s in steps] == [
        ("delete", "2025-01", 5),
        ("delete", "2025-03", 3),
    ]
    assert steps[1].why == "4 more later"


def test_clock_is_held_against_the_server_and_the_rows() -> None:
    assert not clock_problem(NOW, NOW, NOW)
    assert not clock_problem(NOW, NOW + timedelta(days=90), NOW)
    assert clock_problem(NOW + timedelta(days=30), NOW, NOW)
    assert clock_problem(NOW + timedelta(days=30), None, NOW)
    assert not clock_problem(NOW, None, NOW - timedelta(days=7))


def test_lookbacks_go_through_views_and_end_at_windows() -> None:
    def model(name: str, how: str, **config: int) -> dict:
        return {"name": name, "resource_type": "model", "config": {"materialized": how, **config}}

    manifest = {
        "sources": {"s": {"name": "log", "meta": {"retention": {"months": 6}}}},
        "nodes": {
            "view": model("view", "view"),
            "week": model("week", "window", lookback_days=7),
            "far": model("far", "keyed_window", lookback_days=60),
            "table": model("table", "table"),
            "beyond": model("beyond", "window", lookback_days=99),
            "test": {"name": "x", "resource_type": "test", "config": {}},
        },
        "child_map": {
            "s": ["view", "test"],
            "view": ["week", "table"],
            "table": ["far"],
            "far": ["beyond"],
        },
    }
    assert read_lookbacks(manifest, 3) == {"log": 60}


def test_every_policy_of_the_record_can_be_carried_out() -> None:
    found = [policy_of(t) for t in load_record() if t.retention]
    assert len(found) == 17
    for policy in found:
        table = load_record().table(policy.table)
        assert table.column(policy.moment)
        assert "tenant_id" in {c.name for c in table.columns}
        assert not policy.problem(NOW)
        assert not set(sealed_columns(table)) & {policy.moment, *table.primary_key, "tenant_id"}
