"""The AI domain's statistics tables and views, value by value, and how MySQL reads for them."""

from __future__ import annotations

from collections import Counter

import oracles.ai as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

BY_AGENT = ("tenant_id", "agent_id", "stat_date")


RELATIONS = {
    "v_agent_overview": Relation(
        ("id",),
        oracle.agent_overview,
        "id agent_name description category agent_type status version conversation_count "
        "success_rate avg_response_time total_cost platform_count knowledge_base_count tool_count "
        "created_at updated_at",
    ),
    "v_platform_health": Relation(
        ("id",),
        oracle.platform_health,
        "id platform_name platform_type status avg_response_time successful_requests "
        "failed_requests success_rate agent_count last_health_check_at created_at updated_at",
        least=20,
    ),
    "v_conversation_stats": Relation(
        ("tenant_id", "agent_id", "conversation_date"),
        oracle.conversation_stats,
        "tenant_id agent_id conversation_date conversation_count avg_message_count avg_tokens "
        "avg_cost avg_response_time avg_satisfaction_score",
    ),
    "ai_platform_metrics": Relation(
        ("tenant_id", "platform_id", "metric_type", "time_window", "recorded_at"),
        oracle.platform_metrics,
    ),
    "ai_agent_daily": Relation(BY_AGENT, oracle.agent_daily),
    "ai_platform_daily": Relation(("tenant_id", "platform_id", "stat_date"), oracle.platform_daily),
    "ai_dispatch_daily": Relation(
        ("tenant_id", "strategy_type", "stat_date"), oracle.dispatch_daily
    ),
    "ai_conversation_daily": Relation(BY_AGENT, oracle.conversation_daily),
    "ai_agent_statistics": Relation(("agent_id",), oracle.agent_statistics),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, f"ai_agent_platform.{name}", RELATIONS[name])


# --- what MySQL reads --------------------------------------------------------------------------


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("view", "column", "home"),
    [
        ("v_conversation_stats", "tenant_id", "ai_conversations"),
        ("v_agent_overview", "id", "ai_agents"),
        ("v_platform_health", "id", "ai_platforms"),
    ],
)
def test_one_tenant_s_question_is_answered_from_indexes(
    demo: Demo, view: str, column: str, home: str
) -> None:
    """The table itself by its key; what is counted beside it has a key for it too.

    Which a table of twenty rows need not use; the one asked for is the rarest in its column.
    """
    wanted = Counter(row[column] for row in demo.raw.rows(home)).most_common()[-1][0]
    steps = demo.reads(f"select * from {{ai_agent_platform}}.{view} where {column} = '{wanted}'")
    (own,) = steps[home]
    assert own["key"] and own["type"] in ("const", "ref")
    assert all(step["possible_keys"] for table in steps.values() for step in table)


@pytest.mark.mysql
@pytest.mark.parametrize("model", ["ai_platform_metrics", "ai_agent_daily", "ai_platform_daily"])
def test_a_night_s_window_reads_its_months_of_calls_once(demo: Demo, model: str) -> None:
    """27 to 30 June lie in one partition of the many that the demo has."""
    (calls,) = demo.reads(demo.compiled(model))["ai_call_logs"]
    assert calls["partitions"] == "p202606"


@pytest.mark.mysql
@pytest.mark.parametrize("model", ["ai_dispatch_daily", "ai_platform_daily"])
def test_a_night_s_window_of_dispatches_comes_from_the_index(demo: Demo, model: str) -> None:
    (dispatches,) = demo.reads(demo.compiled(model))["ai_dispatch_logs"]
    assert (dispatches["type"], dispatches["key"]) == ("range", "ix_created_at")
