from datetime import date, datetime

import pytest

from orchestration.schema.partitions import (
    CATCH_ALL,
    Partition,
    Step,
    add_months,
    bound_of,
    is_aligned,
    month_of,
    monthly,
    months_between,
    plan_partitions,
    step_sql,
)

FUTURE = Partition(CATCH_ALL, None)


def months(*names: str) -> list[Partition]:
    return [monthly(date(int(name[:4]), int(name[4:]), 1)) for name in names]


def names(parts) -> list[str]:
    return [part.name for part in parts]


def apply(existing: list[Partition], steps: list[Step]) -> list[Partition]:
    """What the server's partitions are after the steps."""
    after = list(existing)
    for step in steps:
        if step.source is None:
            after += step.parts
        else:
            place = names(after).index(step.source)
            assert step.parts[-1] == after[place], "the last part keeps name and bound"
            after[place : place + 1] = step.parts
    return after


def test_month_arithmetic_crosses_years():
    assert add_months(date(2026, 11, 30), 3) == date(2027, 2, 1)
    assert add_months(date(2026, 1, 1), -1) == date(2025, 12, 1)
    assert months_between(date(2025, 12, 31), date(2026, 2, 1)) == [
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert months_between(date(2026, 3, 1), date(2026, 2, 1)) == []


def test_new_table_starts_at_the_current_month():
    (step,) = plan_partitions([], None, date(2026, 11, 15))
    assert step.source is None
    assert names(step.parts) == ["p202611", "p202612", "p202701", "p202702", CATCH_ALL]
    assert step.parts[0].before == datetime(2026, 12, 1)


def test_new_table_starts_at_the_oldest_row():
    (step,) = plan_partitions([], date(2026, 9, 30), date(2026, 11, 1), ahead=0)
    assert names(step.parts) == ["p202609", "p202610", "p202611", CATCH_ALL]


def test_nothing_to_do_on_the_last_day_before_the_horizon_moves():
    existing = [*months("202606", "202607", "202608", "202609"), FUTURE]
    assert plan_partitions(existing, None, date(2026, 6, 30)) == []


def test_a_new_month_cuts_p_future():
    existing = [*months("202606", "202607", "202608", "202609"), FUTURE]
    assert plan_partitions(existing, None, date(2026, 7, 1)) == [
        Step(CATCH_ALL, (*months("202610"), FUTURE))
    ]


def test_older_rows_cut_the_first_partition():
    existing = [*months("202606", "202607", "202608", "202609"), FUTURE]
    steps = plan_partitions(existing, date(2026, 4, 12), date(2026, 6, 30))
    assert [(s.source, names(s.parts)) for s in steps] == [
        ("p202606", ["p202604", "p202605", "p202606"])
    ]


def test_a_dropped_first_month_is_not_made_again():
    existing = [*months("202604", "202605", "202606", "202607"), FUTURE]
    assert plan_partitions(existing, None, date(2026, 4, 1)) == []


def test_gap_in_the_middle_is_closed():
    existing = [*months("202604", "202607"), FUTURE]
    steps = plan_partitions(existing, None, date(2026, 4, 1))
    assert [(s.source, names(s.parts)) for s in steps] == [
        ("p202607", ["p202605", "p202606", "p202607"])
    ]


def test_outage_longer_than_the_horizon_leaves_no_gap():
    existing = [*months("202601", "202602"), FUTURE]
    after = apply(existing, plan_partitions(existing, None, date(2026, 7, 1), ahead=1))
    assert names(after) == [f"p20260{m}" for m in range(1, 9)] + [CATCH_ALL]


def test_without_a_catch_all_partitions_are_appended():
    existing = months("202604", "202605")
    steps = plan_partitions(existing, None, date(2026, 4, 30), ahead=2)
    assert [(s.source, names(s.parts)) for s in steps] == [(None, ["p202606", CATCH_ALL])]


@pytest.mark.parametrize("oldest", [None, date(2025, 12, 31), date(2026, 5, 1)])
@pytest.mark.parametrize("as_of", [date(2025, 11, 30), date(2026, 5, 1), date(2027, 1, 31)])
@pytest.mark.parametrize(
    "existing",
    [
        [],
        [*months("202604"), FUTURE],
        months("202604"),
        [*months("202602", "202605", "202609"), FUTURE],
    ],
)
def test_the_plan_is_complete_and_then_empty(existing, oldest, as_of):
    after = apply(existing, plan_partitions(existing, oldest, as_of))
    bounds = [part.before for part in after[:-1]]
    assert after[-1] == FUTURE
    assert bounds == sorted(set(bounds))
    assert all(is_aligned(part) for part in after)
    found = [month_of(part.name) for part in after[:-1]]
    assert found == months_between(found[0], found[-1]), "no month is missing"
    assert found[0] <= min(as_of, oldest or as_of)
    assert found[-1] >= add_months(as_of, 3)
    assert plan_partitions(after, oldest, as_of) == []


def test_bounds_are_business_midnights():
    # 2026-07-01 00:00 +08:00
    assert bound_of("1782835200") == datetime(2026, 7, 1)
    assert bound_of("MAXVALUE") is None
    assert is_aligned(Partition("p202606", bound_of("1782835200")))
    # the same partition made by a session in UTC ends eight hours late
    assert not is_aligned(Partition("p202606", bound_of("1782864000")))
    assert not is_aligned(Partition("p_2026_06", datetime(2026, 7, 1)))
    assert month_of("p202613") is None


def test_sql_of_a_step():
    step = Step(CATCH_ALL, (*months("202610"), FUTURE))
    assert " ".join(step_sql("a", "b", step).split()) == (
        "alter table `a`.`b` reorganize partition `p_future` into ( partition `p202610` values "
        "less than (unix_timestamp('2026-11-01 00:00:00')), partition `p_future` values less than "
        "maxvalue )"
    )
