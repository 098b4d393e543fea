"""The AI domain's marts, value by value, on both engines, and how MySQL reads for the facts."""

from __future__ import annotations

import oracles.ai_marts as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

MARTS = {
    "dim_agents": Relation(("agent_id",), oracle.agents, least=50),
    "dim_ai_platforms": Relation(("platform_id",), oracle.platforms, least=20),
    "fct_ai_calls": Relation(("call_log_id",), oracle.calls, least=50_000),
    "fct_conversations": Relation(("conversation_record_id",), oracle.conversations, least=500),
    "fct_dispatches": Relation(("dispatch_log_id",), oracle.dispatches, least=5_000),
    "agent_scorecard": Relation(("agent_id",), oracle.agent_scorecard, least=50),
    "agent_version_scorecard": Relation(
        ("agent_version_id",), oracle.agent_version_scorecard, least=100
    ),
    "knowledge_base_scorecard": Relation(
        ("knowledge_base_id",), oracle.knowledge_base_scorecard, least=50
    ),
    "tool_scorecard": Relation(("tool_id",), oracle.tool_scorecard, least=40),
    "ai_calls_monthly": Relation(("tenant_id", "month_start_date"), oracle.calls_monthly, least=50),
}


@pytest.mark.parametrize("name", MARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, f"warehouse.{name}", MARTS[name])


@pytest.mark.mysql
def test_a_night_s_calls_come_from_their_month(demo: Demo) -> None:
    """27 to 30 June lie in one partition of the many that the demo has."""
    (calls,) = demo.plan(demo.compiled("fct_ai_calls"))
    assert (calls["table"], calls["partitions"]) == ("ai_call_logs", "p202606")


@pytest.mark.mysql
def test_a_night_s_dispatches_come_from_the_index(demo: Demo) -> None:
    steps = {step["table"]: step for step in demo.plan(demo.compiled("fct_dispatches"))}
    dispatches = steps["ai_dispatch_logs"]
    assert (dispatches["type"], dispatches["key"]) == ("range", "ix_created_at")


@pytest.mark.mysql
@pytest.mark.parametrize("fact", ["fct_ai_calls", "fct_dispatches"])
def test_a_tenant_s_june_is_read_from_its_month(demo: Demo, fact: str) -> None:
    """What analysts ask day by day must not scan the years before."""
    (step,) = demo.plan(
        f"select count(*) from {{warehouse}}.{fact} where tenant_id = 'x' "
        "and created_at >= '2026-06-01' and created_at < '2026-07-01'"
    )
    assert (step["partitions"], step["key"]) == ("p202606", "ix_tenant_id_created_at")
