"""The AI domain's marts computed a second time from the raw rows, one after the other, in Python.

Scorecards are counted from calls, messages and dispatches themselves, not from what the warehouse
made of them before. The key of the mask is the tests' own.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from harness import MASK_KEY

from oracles.ai import grouped, has_failed, has_moved, mean, nearest_rank, present, tokens_of
from oracles.base import Keyed, Raw, Row, midnight, ratio

ABANDONED = {"idle", "expired", "error"}
PERIOD = timedelta(days=29)


# --- what several of them need -----------------------------------------------------------------


def shown(row: Row, names: str) -> Row:
    """Columns of a raw row, `new=old` where the mart renames them."""
    pairs = [name.partition("=") for name in names.split()]
    return {new: row[old or new] for new, _, old in pairs}


def keyed(text: str | None) -> str | None:
    """The pseudonym of a text."""
    if text is None:
        return None
    return hmac.new(MASK_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def model_of(row: Row) -> Any:
    """The language model named in the settings."""
    return (json.loads(row["model_config"] or "{}") or {}).get("model")


def listed(text: str | None) -> int | None:
    """The length of a JSON list; None where there is no list."""
    parsed = json.loads(text) if text else None
    return len(parsed) if isinstance(parsed, list) else None


def seconds(first: datetime, last: datetime | None) -> int | None:
    """Whole seconds from one instant to another."""
    return None if last is None else int((last - first).total_seconds())


def is_spoilt(message: Row) -> bool:
    """Whether an error spoilt the message."""
    return message["error_info"] not in (None, "null")


def linked(raw: Raw, table: str, column: str) -> dict[str, list[Row]]:
    """Links with agents, by agent, platform, base or tool."""
    return {key[0]: rows for key, rows in grouped(raw.rows(table), lambda r: (r[column],)).items()}


def enabled(links: list[Row]) -> list[Row]:
    """Those that are switched on."""
    return [link for link in links if link["is_enabled"]]


# --- dimensions --------------------------------------------------------------------------------


def agents(raw: Raw) -> Keyed:
    """dim_agents by agent."""
    platforms = linked(raw, "ai_platform_agents", "agent_id")
    bases = linked(raw, "ai_agent_knowledge_bases", "agent_id")
    tools = linked(raw, "ai_agent_tools", "agent_id")
    versions = Counter(row["agent_id"] for row in raw.rows("ai_agent_versions"))
    types = {
        row["agent_id"]: row["strategy_type"]
        for row in enabled(raw.rows("ai_scheduling_strategies"))
    }
    found: Keyed = {}
    for agent in raw.rows("ai_agents"):
        name = agent["id"]
        on = enabled(platforms.get(name, []))
        found[(name,)] = {
            **shown(
                agent,
                "tenant_id agent_name category agent_type status version created_by created_at "
                "updated_at",
            ),
            "model_name": model_of(agent),
            "strategy_type": types.get(name, "none"),
            "saved_versions": versions[name],
            "enabled_platforms": len(on),
            "deployed_platforms": sum(link["deployment_status"] == "deployed" for link in on),
            "enabled_knowledge_bases": len(enabled(bases.get(name, []))),
            "enabled_tools": len(enabled(tools.get(name, []))),
        }
    return found


def platforms(raw: Raw) -> Keyed:
    """dim_ai_platforms by platform."""
    links = linked(raw, "ai_platform_agents", "platform_id")
    found: Keyed = {}
    for platform in raw.rows("ai_platforms"):
        on = enabled(links.get(platform["id"], []))
        good, bad = platform["successful_requests"], platform["failed_requests"]
        sent = platform["total_requests"]
        found[(platform["id"],)] = {
            **shown(
                platform,
                "tenant_id platform_name platform_type auth_type status priority total_requests "
                "health_check_interval_seconds=health_check_interval successful_requests "
                "failed_requests total_cost_cny=total_cost last_health_check_at last_error_at "
                "created_by created_at updated_at",
            ),
            "is_health_checked": platform["health_check_url"] is not None,
            "supported_models": listed(platform["supported_models"]),
            "enabled_agents": len(on),
            "deployed_agents": sum(link["deployment_status"] == "deployed" for link in on),
            "max_concurrent_requests": sum(present(on, "max_concurrent_requests")),
            "success_rate_pct": ratio(100 * good, good + bad, 2),
            "avg_response_seconds": platform["avg_response_time"] if sent else None,
            "avg_request_cost_cny": ratio(platform["total_cost"], sent, 6),
        }
    return found


# --- facts -------------------------------------------------------------------------------------


def network(address: str | None) -> str | None:
    """The network of an address as analysts see it."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if parsed.version == 4:
        return str(ipaddress.ip_network(f"{parsed}/24", strict=False))
    first_three = [f"{int(group, 16):x}" for group in parsed.exploded.split(":")[:3]]
    return ":".join(first_three) + "::/48"


@cache
def calls(raw: Raw) -> Keyed:
    """fct_ai_calls by call."""
    found: Keyed = {}
    for call in raw.rows("ai_call_logs"):
        tokens = json.loads(call["tokens"]) if call["tokens"] else {}
        found[(call["id"],)] = {
            **shown(
                call,
                "tenant_id request_id agent_id conversation_record_id=conversation_id platform_id "
                "request_method routing_strategy selected_platform_name=selected_platform "
                "status_code error_code retry_count response_seconds=response_time "
                "request_size_bytes=request_size response_size_bytes=response_size created_at",
            ),
            "call_date": call["created_at"].date(),
            "api_endpoint": call["api_endpoint"].partition("?")[0],
            "is_failed": has_failed(call),
            "prompt_tokens": tokens.get("prompt"),
            "completion_tokens": tokens.get("completion"),
            "total_tokens": tokens_of(call),
            "cost_cny": call["cost"] or 0,
            "client_network": network(call["client_ip"]),
        }
    return found


@cache
def conversations(raw: Raw) -> Keyed:
    """fct_conversations by conversation."""
    said = grouped(raw.rows("ai_messages"), lambda m: (m["conversation_id"],))
    found: Keyed = {}
    for talk in raw.rows("ai_conversations"):
        messages = said.get((talk["id"],), [])
        roles = Counter(message["role"] for message in messages)
        feedback = Counter(message["user_feedback"] for message in messages)
        answers = [message for message in messages if message["role"] == "assistant"]
        first = min(present(answers, "created_at"), default=None)
        found[(talk["id"],)] = {
            **shown(
                talk,
                "tenant_id conversation_id agent_id primary_platform_id status satisfaction_score "
                "last_message_at expires_at created_at updated_at",
            ),
            "user_key": keyed(talk["user_id"]),
            "conversation_date": talk["created_at"].date(),
            "is_abandoned": talk["status"] in ABANDONED,
            "messages": len(messages),
            "user_messages": roles["user"],
            "answers": len(answers),
            "failed_answers": sum(map(is_spoilt, answers)),
            "total_tokens": sum(map(tokens_of, messages)),
            "cost_cny": talk["total_cost"] or 0,
            "avg_response_seconds": mean(present(answers, "response_time"), 3),
            "positive_feedback_count": feedback["positive"],
            "negative_feedback_count": feedback["negative"],
            "neutral_feedback_count": feedback["neutral"],
            "first_answer_at": first,
            "first_answer_seconds": seconds(talk["created_at"], first),
            "duration_seconds": seconds(talk["created_at"], talk["last_message_at"]),
        }
    return found


def dispatches(raw: Raw) -> Keyed:
    """fct_dispatches by decision."""
    types = {row["id"]: row["strategy_type"] for row in raw.rows("ai_scheduling_strategies")}
    return {
        (row["id"],): {
            **shown(
                row,
                "tenant_id request_id agent_id strategy_id selected_platform_id final_platform_id "
                "dispatch_status error_code response_status_code retry_count "
                "queue_wait_ms=queue_wait_time_ms dispatch_ms=dispatch_time_ms "
                "total_ms=total_time_ms created_at",
            ),
            "strategy_type": types.get(row["strategy_id"], "none"),
            "dispatch_date": row["created_at"].date(),
            "is_failover": has_moved(row),
            "candidate_platforms": listed(row["available_platforms"]),
        }
        for row in raw.rows("ai_dispatch_logs")
    }


# --- scorecards --------------------------------------------------------------------------------


def agent_scorecard(raw: Raw) -> Keyed:
    """agent_scorecard by agent."""
    start, end = midnight(raw.today - PERIOD), midnight(raw.today + timedelta(days=1))

    def recent(table: str) -> dict[Any, list[Row]]:
        rows = [row for row in raw.rows(table) if start <= row["created_at"] < end]
        return grouped(rows, lambda row: (row["agent_id"],))

    called, sent = recent("ai_call_logs"), recent("ai_dispatch_logs")
    begun = recent("ai_conversations")
    ever = grouped(raw.rows("ai_conversations"), lambda row: (row["agent_id"],))
    said = grouped(raw.rows("ai_messages"), lambda row: (row["conversation_id"],))
    found: Keyed = {}
    for agent in raw.rows("ai_agents"):
        key = (agent["id"],)
        found[key] = {
            **shown(agent, "tenant_id agent_name agent_type status version"),
            "period_start_date": start.date(),
            "period_end_date": raw.today,
            **_of_calls(called.get(key, [])),
            **_of_conversations(begun.get(key, []), said),
            **_of_dispatches(sent.get(key, [])),
            **_of_a_lifetime(ever.get(key, []), said),
        }
    return found


def _of_calls(made: list[Row]) -> Row:
    failed, cost = sum(map(has_failed, made)), sum(present(made, "cost"))
    return {
        "active_days": len({call["created_at"].date() for call in made}),
        "calls": len(made),
        "failed_calls": failed,
        "call_success_rate_pct": ratio(100 * (len(made) - failed), len(made), 2),
        "avg_call_response_seconds": mean(present(made, "response_time"), 3),
        "call_tokens": sum(map(tokens_of, made)),
        "call_cost_cny": cost,
        "avg_call_cost_cny": ratio(cost, len(made), 6),
    }


def _of_conversations(held: list[Row], said: dict[Any, list[Row]]) -> Row:
    messages = [message for talk in held for message in said.get((talk["id"],), [])]
    answers = [message for message in messages if message["role"] == "assistant"]
    spoilt = sum(map(is_spoilt, answers))
    states = Counter(talk["status"] for talk in held)
    feedback = Counter(message["user_feedback"] for message in messages)
    given_up = sum(states[status] for status in ABANDONED)
    return {
        "started_conversations": len(held),
        "users": len({talk["user_id"] for talk in held}),
        "completed_conversations": states["completed"],
        "abandoned_conversations": given_up,
        "abandonment_rate_pct": ratio(100 * given_up, len(held), 2),
        "messages": len(messages),
        "avg_conversation_messages": ratio(len(messages), len(held), 2),
        "answers": len(answers),
        "failed_answers": spoilt,
        "answer_success_rate_pct": ratio(100 * (len(answers) - spoilt), len(answers), 2),
        "rated_conversations": len(present(held, "satisfaction_score")),
        "avg_satisfaction_score": mean(present(held, "satisfaction_score"), 2),
        "positive_feedback_count": feedback["positive"],
        "negative_feedback_count": feedback["negative"],
    }


def _of_dispatches(sent: list[Row]) -> Row:
    good = sum(row["dispatch_status"] == "success" for row in sent)
    return {
        "dispatches": len(sent),
        "dispatch_success_rate_pct": ratio(100 * good, len(sent), 2),
        "failovers": sum(map(has_moved, sent)),
    }


def _of_a_lifetime(held: list[Row], said: dict[Any, list[Row]]) -> Row:
    answers = [
        message
        for talk in held
        for message in said.get((talk["id"],), [])
        if message["role"] == "assistant"
    ]
    good = sum(not is_spoilt(message) for message in answers)
    return {
        "lifetime_conversations": len(held),
        "lifetime_answers": len(answers),
        "lifetime_tokens": sum(map(tokens_of, answers)),
        "lifetime_cost_cny": sum(present(held, "total_cost")),
        "avg_lifetime_response_seconds": mean(present(answers, "response_time"), 3),
        "lifetime_success_rate_pct": ratio(100 * good, len(answers), 2),
        "avg_lifetime_satisfaction_score": mean(present(held, "satisfaction_score"), 2),
        "last_used_at": max(present(held, "last_message_at"), default=None),
    }


def agent_version_scorecard(raw: Raw) -> Keyed:
    """agent_version_scorecard by version, each deployed one held against the last before it."""
    found: Keyed = {}
    for versions in grouped(raw.rows("ai_agent_versions"), lambda v: (v["agent_id"],)).values():
        live = [version for version in versions if version["first_deployed_at"] is not None]
        live.sort(key=lambda v: (v["first_deployed_at"], v["created_at"], v["id"]))
        before = {version["id"]: live[place] for place, version in enumerate(live[1:])}
        for version in versions:
            held, last = version["conversation_count"], before.get(version["id"])
            found[(version["id"],)] = {
                **shown(
                    version,
                    "tenant_id agent_id version version_name status is_current deploy_count "
                    "rollback_count conversation_count success_rate_pct=success_rate "
                    "avg_response_seconds=avg_response_time total_tokens total_cost_cny=total_cost "
                    "first_deployed_at last_deployed_at created_by created_at",
                ),
                "model_name": model_of(version),
                "rollback_rate_pct": ratio(
                    100 * version["rollback_count"], version["deploy_count"], 2
                ),
                "avg_conversation_tokens": ratio(version["total_tokens"], held, 2),
                "avg_conversation_cost_cny": ratio(version["total_cost"], held, 6),
                "previous_version_id": last["id"] if last else None,
                "success_rate_change_points": _change(version, last, "success_rate"),
                "response_change_seconds": _change(version, last, "avg_response_time"),
            }
    return found


def _change(version: Row, last: Row | None, column: str) -> Any:
    if last is None or version[column] is None or last[column] is None:
        return None
    return version[column] - last[column]


def knowledge_base_scorecard(raw: Raw) -> Keyed:
    """knowledge_base_scorecard by base."""
    documents = linked(raw, "ai_knowledge_documents", "knowledge_base_id")
    links = linked(raw, "ai_agent_knowledge_bases", "knowledge_base_id")
    found: Keyed = {}
    for base in raw.rows("ai_knowledge_bases"):
        held, used_by = documents.get(base["id"], []), links.get(base["id"], [])
        states = Counter(document["process_status"] for document in held)
        ready = [document for document in held if document["process_status"] == "completed"]
        asked = sum(link["query_count"] for link in used_by)
        found[(base["id"],)] = {
            **shown(
                base,
                "tenant_id kb_name kb_type embedding_model status index_status queries=query_count "
                "hits=hit_count avg_relevance_score last_queried_at created_by created_at "
                "updated_at",
            ),
            "documents": len(held),
            "searchable_documents": len(ready),
            "waiting_documents": states["pending"] + states["processing"],
            "failed_documents": states["failed"],
            "failed_documents_pct": ratio(100 * states["failed"], len(held), 2),
            "never_hit_documents": sum(not document["hit_count"] for document in ready),
            "chunks": sum(document["chunk_count"] for document in ready),
            "file_size_bytes": sum(present(held, "file_size")),
            "last_document_at": max(present(held, "created_at"), default=None),
            "linked_agents": len(used_by),
            "enabled_agents": len(enabled(used_by)),
            "hit_rate_pct": ratio(100 * base["hit_count"], base["query_count"], 2),
            "agent_queries": asked,
            "agent_hit_rate_pct": ratio(100 * sum(x["hit_count"] for x in used_by), asked, 2),
        }
    return found


def calls_monthly(raw: Raw) -> Keyed:
    """ai_calls_monthly by tenant and month; the sample's rows are all online, on either engine."""

    def month_of(call: Row) -> tuple[Any, ...]:
        return call["tenant_id"], call["created_at"].date().replace(day=1)

    return {
        key: {
            "calls": len(made),
            "failed_calls": sum(map(has_failed, made)),
            "agents": len(set(present(made, "agent_id"))),
            "conversations": len(set(present(made, "conversation_id"))),
            "total_tokens": sum(map(tokens_of, made)),
            "cost_cny": sum(present(made, "cost")),
            "p95_response_seconds": nearest_rank(present(made, "response_time"), 95),
        }
        for key, made in grouped(raw.rows("ai_call_logs"), month_of).items()
    }


def tool_scorecard(raw: Raw) -> Keyed:
    """tool_scorecard by tool."""
    links = linked(raw, "ai_agent_tools", "tool_id")
    found: Keyed = {}
    for tool in raw.rows("ai_tools"):
        used_by = links.get(tool["id"], [])
        asked = sum(link["invocation_count"] for link in used_by)
        last = tool["last_used_at"]
        found[(tool["id"],)] = {
            **shown(
                tool,
                "tenant_id tool_name tool_type status calls=usage_count last_used_at created_by "
                "avg_execution_seconds=avg_execution_time created_at updated_at",
            ),
            "linked_agents": len(used_by),
            "enabled_agents": len(enabled(used_by)),
            "calling_agents": sum(link["invocation_count"] > 0 for link in used_by),
            "failed_calls": tool["usage_count"] - tool["success_count"],
            "success_rate_pct": ratio(100 * tool["success_count"], tool["usage_count"], 2),
            "agent_calls": asked,
            "agent_error_rate_pct": ratio(100 * sum(x["error_count"] for x in used_by), asked, 2),
            "max_agent_execution_seconds": max(
                present(used_by, "avg_execution_time"), default=None
            ),
            "unused_days": None if last is None else (raw.today - last.date()).days,
        }
    return found
