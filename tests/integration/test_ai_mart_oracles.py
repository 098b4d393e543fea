"""The AI domain's marts, value by value, on both engines, and how MySQL reads for the facts."""

from __future__ import annotations

from collections.abc import Callable

import oracles.ai_marts as oracle
import pytest
from oracles.base import Keyed, Raw
from warehouses import ENGINES, Demo

MARTS: dict[str, tuple[str, Callable[[Raw], Keyed], int]] = {
    "dim_agents": ("agent_id", oracle.agents, 50),
    "dim_ai_platforms": ("platform_id", oracle.platforms, 20),
    "fct_ai_calls": ("call_log_id", oracle.calls, 50_000),
    "fct_conversations": ("conversation_record_id", oracle.conversations, 500),
    "fct_dispatches": ("dispatch_log_id", oracle.dispatches, 5_000),
    "agent_scorecard": ("agent_id", oracle.agent_scorecard, 50),
    "agent_version_scorecard": ("agent_version_id", oracle.agent_version_scorecard, 100),
    "knowledge_base_scorecard": ("knowledge_base_id", oracle.knowledge_base_scorecard, 50),
    "tool_scorecard": ("tool_id", oracle.tool_scorecard, 40),
}


@pytest.mark.parametrize("name", MARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    key, expected, least = MARTS[name]
    demo.check(engine, f"warehouse.{name}", (key,), expected(demo.raw), least=least)


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
