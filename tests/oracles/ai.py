"""The AI domain's statistics tables and views computed a second time, call by call, in Python.

Every function takes the raw tables as generated and returns rows by grain. Groups are dictionaries
of raw rows, quotients exact fractions, percentiles picked from sorted lists: nothing here shares a
line with the models.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from oracles.base import Keyed, Raw, Row, half_up, midnight, ratio

LIVE = ("active", "completed", "idle", "expired", "error", None)
OUTCOMES = {
    "success": "successful_dispatches",
    "failed": "failed_dispatches",
    "timeout": "timed_out_dispatches",
    "no_available_platform": "no_platform_dispatches",
}
Group = dict[tuple[Any, ...], list[Row]]


# --- what several of them need -----------------------------------------------------------------


def grouped(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> Group:
    """The rows by key."""
    found: Group = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def present(rows: Iterable[Row], column: str) -> list[Any]:
    """A column's values that are not NULL."""
    return [row[column] for row in rows if row[column] is not None]


def mean(values: list[Any], scale: int) -> Decimal | None:
    """The mean of exact numbers, rounded once; None over none."""
    return ratio(sum(values), len(values), scale)


def nearest_rank(values: list[Any], per_cent: int) -> Any:
    """The smallest value that at least so many per cent of the values do not exceed."""
    ordered = sorted(values)
    for number, value in enumerate(ordered, start=1):
        if 100 * number >= per_cent * len(ordered):
            return value
    return None


def tokens_of(row: Row) -> int:
    """The total that a call or a message reports, else 0."""
    return (json.loads(row["tokens"]) if row["tokens"] else {}).get("total") or 0


def has_failed(call: Row) -> bool:
    """An HTTP error, or a code that says so."""
    return not (call["status_code"] < 400 and call["error_code"] is None)


def has_moved(dispatch: Row) -> bool:
    """Whether a dispatch ended elsewhere than it was meant to."""
    final = dispatch["final_platform_id"]
    return final is not None and final != dispatch["selected_platform_id"]


def links_per(raw: Raw, table: str, column: str) -> Counter[str]:
    """Enabled links by agent or platform."""
    return Counter(row[column] for row in raw.rows(table) if row["is_enabled"])


# --- views -------------------------------------------------------------------------------------


def agent_overview(raw: Raw) -> Keyed:
    """v_agent_overview by id."""
    platforms = links_per(raw, "ai_platform_agents", "agent_id")
    bases = links_per(raw, "ai_agent_knowledge_bases", "agent_id")
    tools = links_per(raw, "ai_agent_tools", "agent_id")
    shown = (
        "agent_name", "description", "category", "agent_type", "status", "version",
        "conversation_count", "avg_response_time", "total_cost", "created_at", "updated_at",
    )  # fmt: skip
    return {
        (agent["id"],): {
            **{column: agent[column] for column in shown},
            "success_rate": agent["success_rate"] or 0,
            "platform_count": platforms[agent["id"]],
            "knowledge_base_count": bases[agent["id"]],
            "tool_count": tools[agent["id"]],
        }
        for agent in raw.rows("ai_agents")
    }


def platform_health(raw: Raw) -> Keyed:
    """v_platform_health by id."""
    agents = links_per(raw, "ai_platform_agents", "platform_id")
    shown = (
        "platform_name", "platform_type", "status", "avg_response_time", "last_health_check_at",
        "created_at", "updated_at",
    )  # fmt: skip
    found: Keyed = {}
    for platform in raw.rows("ai_platforms"):
        good, bad = platform["successful_requests"] or 0, platform["failed_requests"] or 0
        found[(platform["id"],)] = {
            **{column: platform[column] for column in shown},
            "successful_requests": good,
            "failed_requests": bad,
            "success_rate": ratio(100 * good, good + bad, 2) or 0,
            "agent_count": agents[platform["id"]],
        }
    return found


def conversation_stats(raw: Raw) -> Keyed:
    """v_conversation_stats by tenant, agent and day."""
    live = [row for row in raw.rows("ai_conversations") if row["status"] in LIVE]
    days = grouped(live, lambda c: (c["tenant_id"], c["agent_id"], c["created_at"].date()))
    return {
        key: {
            "conversation_count": len(rows),
            "avg_message_count": mean(present(rows, "message_count"), 2),
            "avg_tokens": mean(present(rows, "total_tokens"), 2),
            "avg_cost": mean(present(rows, "total_cost"), 6),
            "avg_response_time": mean(present(rows, "avg_response_time"), 3),
            "avg_satisfaction_score": mean(present(rows, "satisfaction_score"), 2),
        }
        for key, rows in days.items()
    }


# --- calls -------------------------------------------------------------------------------------


def call_figures(calls: list[Row]) -> Row:
    """What a day's calls of an agent or a platform come to."""
    seconds = present(calls, "response_time")
    failed = sum(map(has_failed, calls))
    return {
        "calls": len(calls),
        "failed_calls": failed,
        "success_rate_pct": ratio(100 * (len(calls) - failed), len(calls), 2),
        "response_seconds_sum": sum(seconds),
        "p50_response_seconds": nearest_rank(seconds, 50),
        "p95_response_seconds": nearest_rank(seconds, 95),
        "tokens": sum(map(tokens_of, calls)),
        "cost_cny": sum(present(calls, "cost")),
    }


def calls_by_day(raw: Raw, column: str) -> Group:
    """Calls that have the id, by tenant, id and day."""
    calls = [row for row in raw.rows("ai_call_logs") if row[column] is not None]
    return grouped(calls, lambda c: (c["tenant_id"], c[column], c["created_at"].date()))


def agent_daily(raw: Raw) -> Keyed:
    """ai_agent_daily by tenant, agent and day."""
    return {key: call_figures(calls) for key, calls in calls_by_day(raw, "agent_id").items()}


def platform_daily(raw: Raw) -> Keyed:
    """ai_platform_daily by tenant, platform and day."""
    days = calls_by_day(raw, "platform_id")
    received = Counter(
        (row["tenant_id"], row["final_platform_id"], row["created_at"].date())
        for row in raw.rows("ai_dispatch_logs")
        if has_moved(row)
    )
    return {
        key: {**call_figures(days.get(key, [])), "failovers_received": received[key]}
        for key in {*days, *received}
    }


@cache  # a hundred thousand rows, wanted of both engines
def platform_metrics(raw: Raw) -> Keyed:
    """ai_platform_metrics by tenant, platform, metric, window and its start."""
    found: Keyed = {}
    for window, starts, length in (
        ("1h", lambda moment: moment.replace(minute=0, second=0), 3600),
        ("1d", lambda moment: midnight(moment.date()), 86_400),
    ):
        calls = [row for row in raw.rows("ai_call_logs") if row["platform_id"]]

        def place(call: Row, starts: Callable[[datetime], datetime] = starts) -> tuple[Any, ...]:
            return call["tenant_id"], call["platform_id"], starts(call["created_at"])

        for (tenant, platform, start), inside in grouped(calls, place).items():
            for metric, value in metric_values(inside, length).items():
                key = (tenant, platform, metric, window, start)
                found[key] = {
                    "id": deterministic_id(key),
                    "metric_value": value,
                    "labels": {"requests": len(inside)},
                }
    return found


def metric_values(calls: list[Row], seconds: int) -> dict[str, Any]:
    """The six metrics of a window's calls."""
    failed = sum(map(has_failed, calls))
    return {
        "response_time": mean(present(calls, "response_time"), 6),
        "success_rate": ratio(100 * (len(calls) - failed), len(calls), 6),
        "error_rate": ratio(100 * failed, len(calls), 6),
        "qps": ratio(len(calls), seconds, 6),
        "token_usage": half_up(sum(map(tokens_of, calls)), 6),
        "cost": half_up(sum(present(calls, "cost")), 6),
    }


def deterministic_id(parts: Iterable[Any]) -> str:
    """The hash of a row's grain: each part's length and text, so that none runs into the next."""
    text = ";".join(f"{len(str(part))}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# --- dispatches --------------------------------------------------------------------------------


def dispatch_daily(raw: Raw) -> Keyed:
    """ai_dispatch_daily by tenant, strategy type and day."""
    types = {row["id"]: row["strategy_type"] for row in raw.rows("ai_scheduling_strategies")}
    days = grouped(
        raw.rows("ai_dispatch_logs"),
        lambda d: (d["tenant_id"], types.get(d["strategy_id"]) or "none", d["created_at"].date()),
    )
    found: Keyed = {}
    for key, rows in days.items():
        outcomes = Counter(OUTCOMES[row["dispatch_status"]] for row in rows)
        found[key] = {
            "dispatches": len(rows),
            **{name: outcomes[name] for name in OUTCOMES.values()},
            "failovers": sum(map(has_moved, rows)),
        }
        for name, column in (
            ("queue_wait", "queue_wait_time_ms"),
            ("dispatch", "dispatch_time_ms"),
        ):
            for per_cent in (50, 95):
                values = present(rows, column)
                found[key][f"p{per_cent}_{name}_ms"] = nearest_rank(values, per_cent)
    return found


# --- conversations -----------------------------------------------------------------------------


def conversation_daily(raw: Raw) -> Keyed:
    """ai_conversation_daily by tenant, agent and day begun."""
    said = grouped(raw.rows("ai_messages"), lambda m: (m["conversation_id"],))
    days = grouped(
        raw.rows("ai_conversations"),
        lambda c: (c["tenant_id"], c["agent_id"], c["created_at"].date()),
    )
    found: Keyed = {}
    for key, rows in days.items():
        states = Counter(row["status"] for row in rows)
        messages = [message for row in rows for message in said.get((row["id"],), [])]
        feedback = Counter(message["user_feedback"] for message in messages)
        scores = present(rows, "satisfaction_score")
        found[key] = {
            "started_conversations": len(rows),
            "completed_conversations": states["completed"],
            "abandoned_conversations": states["idle"] + states["expired"] + states["error"],
            "archived_conversations": states["archived"],
            "messages": len(messages),
            "rated_conversations": len(scores),
            "avg_satisfaction_score": mean(scores, 2),
            "positive_feedback_count": feedback["positive"],
            "negative_feedback_count": feedback["negative"],
            "neutral_feedback_count": feedback["neutral"],
        }
    return found


def agent_statistics(raw: Raw) -> Keyed:
    """ai_agent_statistics by agent."""
    talks = grouped(raw.rows("ai_conversations"), lambda c: (c["agent_id"],))
    said = grouped(raw.rows("ai_messages"), lambda m: (m["conversation_id"],))
    found: Keyed = {}
    for agent in raw.rows("ai_agents"):
        held = talks.get((agent["id"],), [])
        answers = [
            message
            for talk in held
            for message in said.get((talk["id"],), [])
            if message["role"] == "assistant"
        ]
        good = [message for message in answers if message["error_info"] in (None, "null")]
        found[(agent["id"],)] = {
            "tenant_id": agent["tenant_id"],
            "conversation_count": len(held),
            "message_count": len(answers),
            "total_tokens": sum(map(tokens_of, answers)),
            "total_cost": sum(present(held, "total_cost")),
            "avg_response_time": mean(present(answers, "response_time"), 3),
            "success_rate": ratio(100 * len(good), len(answers), 2),
            "satisfaction_score": mean(present(held, "satisfaction_score"), 2),
            "last_used_at": max(present(held, "last_message_at"), default=None),
        }
    return found
