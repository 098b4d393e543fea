"""The AI tables agree with each other: counters and costs with messages and calls."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.frames import pandas_frames


@pytest.fixture(scope="module")
def ai() -> dict[str, pd.DataFrame]:
    return pandas_frames("ai")


def test_conversations_agree_with_their_messages(ai: dict[str, pd.DataFrame]) -> None:
    conversations, messages = ai["ai_conversations"].set_index("id"), ai["ai_messages"]
    counts = messages.groupby("conversation_id").size().reindex(conversations.index, fill_value=0)
    assert (conversations.message_count == counts).all()
    assert (counts == 0).any(), "a conversation that was opened and never used"
    answers = messages[messages.role == "assistant"]
    tokens = answers.tokens.map(lambda text: json.loads(text)["total"])
    spent = tokens.groupby(answers.conversation_id).sum().reindex(conversations.index, fill_value=0)
    assert (conversations.total_tokens == spent).all()


def test_platforms_count_their_calls(ai: dict[str, pd.DataFrame]) -> None:
    platforms, calls = ai["ai_platforms"].set_index("id"), ai["ai_call_logs"]
    total = calls.groupby("platform_id").size().reindex(platforms.index, fill_value=0)
    failed = calls[calls.status_code >= 400].groupby("platform_id").size()
    assert (platforms.total_requests == total).all()
    assert (platforms.failed_requests == failed.reindex(platforms.index, fill_value=0)).all()
    assert (
        platforms.successful_requests + platforms.failed_requests == platforms.total_requests
    ).all()


def test_calls_of_a_conversation_are_its_agents(ai: dict[str, pd.DataFrame]) -> None:
    conversations = ai["ai_conversations"].set_index("id")
    calls = ai["ai_call_logs"].dropna(subset="conversation_id")
    assert len(calls)
    assert (conversations.agent_id[calls.conversation_id].values == calls.agent_id.values).all()
    assert (calls.cost[calls.status_code >= 400] == 0).all()


def test_links_are_unique_and_inside_the_tenant(ai: dict[str, pd.DataFrame]) -> None:
    agents = ai["ai_agents"].set_index("id").tenant_id
    for table, other, parent in (
        ("ai_platform_agents", "platform_id", "ai_platforms"),
        ("ai_agent_knowledge_bases", "knowledge_base_id", "ai_knowledge_bases"),
        ("ai_agent_tools", "tool_id", "ai_tools"),
    ):
        links = ai[table]
        assert not links.duplicated(["agent_id", other]).any(), table
        tenant = ai[parent].set_index("id").tenant_id
        assert (agents[links.agent_id].values == tenant[links[other]].values).all(), table
    assert ai["ai_agent_versions"].groupby("agent_id").is_current.sum().eq(1).all()


def test_dispatches_tell_of_failovers_and_of_no_platform(ai: dict[str, pd.DataFrame]) -> None:
    dispatches = ai["ai_dispatch_logs"]
    both = dispatches.dropna(subset=["selected_platform_id", "final_platform_id"])
    assert (both.selected_platform_id != both.final_platform_id).any()
    nobody = dispatches.dispatch_status == "no_available_platform"
    assert (dispatches.final_platform_id.isna() == nobody).all()
