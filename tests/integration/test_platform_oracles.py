"""Every value of the marts that join the six domains against Python, on both engines."""

from __future__ import annotations

import oracles.platform as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

RELATIONS = {
    "tenant_daily": Relation(("tenant_id", "stat_date"), oracle.tenant_daily, least=1000),
    "tenant_360": Relation(("tenant_id",), oracle.tenant_360, least=10),
    "executive_summary_daily": Relation(("stat_date",), oracle.executive_summary_daily, least=365),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    relation = RELATIONS[name]
    wanted = relation.expected(demo.raw, lambda home, table: demo.rows(engine, home, table))
    demo.check_relation(engine, f"warehouse.{name}", relation, wanted)


def test_small_cells_are_hidden_and_others_are_not(demo: Demo) -> None:
    """The sample has both kinds; the running day shows no patients, small or not."""
    rows = [
        row
        for row in demo.rows("embedded", "warehouse", "tenant_daily")
        if row["stat_date"] < demo.raw.today
    ]
    largest = set()
    for people in oracle.TOLD_OF:
        shown = [row[people] for row in rows if row[people] is not None]
        assert len(shown) < len(rows)
        assert not {1, 2, 3, 4} & set(shown)
        largest.add(max(shown))
    # Hardly a tenant of this size gains five customers in a day, or has five users at work.
    assert max(largest) >= 5


@pytest.mark.mysql
def test_days_of_tenants_ask_for_their_window_only(demo: Demo) -> None:
    """Statistics are asked by key or range, never read whole; of the events one month or two."""
    plan = demo.plan(demo.compiled("tenant_daily"))
    statistics = ("saas_usage_statistics", "saas_security_daily", "wework_tenant_usage")
    asked = [step for step in plan if step["table"] in statistics]
    assert {step["table"] for step in asked} == set(statistics)
    assert [step for step in asked if step["type"] in ("ALL", "index")] == []
    events = [step for step in plan if step["table"] == "fct_behavior_events"]
    assert events
    assert all(len(step["partitions"].split(",")) <= 2 for step in events)
