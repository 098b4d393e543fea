"""The fourteen application tables of the AI agent platform.

Conversations and their messages are planned as integers; every answer of an assistant is one call
and one dispatch, so that counters on conversations, agents, platforms and links are those of the
messages and calls themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Raw,
    Times,
    apportion,
    chance,
    choice,
    choice_index,
    codes,
    fixed_text,
    hash_share,
    hex_text,
    id_pool,
    ids_of,
    ip_addresses,
    join,
    json_choice,
    json_object,
    late,
    log_normal_int,
    moments,
    nullable,
    nullify,
    numbers_as_text,
    plus_seconds,
    rank_in_group,
    rhythm,
    seconds_of,
    sentences,
    stream,
    take,
    urls,
    user_agents,
)
from orchestration.sampledata.world import Rows, World

Chunk = tuple[str, pa.Table]
Array = np.ndarray[Any, Any]

STRATEGIES = (
    "round_robin",
    "least_connections",
    "response_time",
    "cost_optimized",
    "weighted",
    "custom",
)
PLATFORM_TYPES = ("dify", "coze", "fastgpt", "custom")
MODELS = ("qwen-max", "glm-4", "deepseek-chat", "ernie-4")
STATUSES = ("active", "idle", "completed", "expired", "error", "archived")
USER, ASSISTANT, SYSTEM, FUNCTION = range(4)
_MICRO = 1_000_000


@dataclass(frozen=True)
class Links:
    """A link table between agents and something else of the same tenant; each pair once."""

    agent: Indexes
    other: Indexes
    tenant: Indexes


@dataclass(frozen=True)
class Platform:
    """The planned platform. Conversations are sorted by start, messages by conversation."""

    plan: Plan
    world: World
    agents: Rows
    platforms: Rows
    # conversations
    conversation_agent: Indexes
    conversation_platform: Indexes  # -1: the tenant has no platform
    started: Times
    status: Indexes
    first_message: Indexes  # one entry more than conversations
    # messages
    role: Indexes
    sent: Times
    response_ms: Indexes  # of assistant messages
    prompt_tokens: Indexes
    completion_tokens: Indexes
    failed: Bools
    # calls: every assistant message's, then calls without a conversation; sorted by time
    call_message: Indexes  # -1 without
    call_agent: Indexes
    call_platform: Indexes
    call_at: Times

    @property
    def message_conversation(self) -> Indexes:
        """The conversation of each message."""
        return np.repeat(np.arange(len(self.started)), np.diff(self.first_message))

    def cost_micros(self, messages: Indexes) -> Indexes:
        """What these messages cost, in millionths of a yuan: 4 a prompt token, 12 an answer's."""
        return self.prompt_tokens[messages] * 4 + self.completion_tokens[messages] * 12


def generate(plan: Plan, world: World) -> Iterator[Chunk]:
    """All chunks, parents before children."""
    platform = plan_platform(plan, world)
    totals = agent_totals(platform)
    yield _platforms(platform)
    yield _agents(platform, totals)
    yield _agent_versions(platform)
    yield _platform_agents(platform)
    yield _strategies(platform)
    yield from _dispatch_logs(platform)
    yield _knowledge_bases(platform)
    yield from _knowledge_documents(platform)
    yield _agent_knowledge_bases(platform)
    yield _tools(platform)
    yield _agent_tools(platform)
    yield from _conversations(platform)
    yield from _messages(platform)
    yield from _call_logs(platform)


def plan_platform(plan: Plan, world: World) -> Platform:
    """Who talks to which agent, when, and what each answer took."""
    agents, platforms = world.rows("ai_agents"), world.rows("ai_platforms")
    rng = stream(plan, "ai/conversations")
    count = plan.rows("ai_conversations")
    appetite = np.exp(rng.standard_normal(len(agents)) * 1.1) * ~chance(rng, len(agents), 0.15)
    end = np.datetime64(plan.end, "s")
    span = rhythm(plan.start, plan.end, growth=2.0)
    ends = np.full(len(agents), end)
    # An agent of yesterday has a day's work, not a season's.
    agent = choice_index(rng, count, appetite * span.room(agents.created_at, ends)).astype(np.int64)
    started = span.between(rng, agents.created_at[agent], np.full(count, end))
    order = np.lexsort((agent, started.astype(np.int64)))
    agent, started = agent[order], started[order]
    platform = platforms.pick(rng, agents.tenant[agent], skew=1.5)

    sizes = _message_counts(plan, count)
    first = np.r_[0, np.cumsum(sizes)]
    conversation = np.repeat(np.arange(count), sizes)
    position = rank_in_group(conversation)
    drawn = stream(plan, "ai/messages")
    total = len(conversation)
    role = np.where(position % 2 == 0, USER, ASSISTANT)
    odd = chance(drawn, total, 0.02) & (position > 1)
    role = np.where(odd, np.where(chance(drawn, total, 0.5), SYSTEM, FUNCTION), role)
    # Turns follow each other within minutes; nothing is written after the plan's end.
    gap = log_normal_int(drawn, total, 35, 1.1, 1, 1500)
    gap[first[:-1][sizes > 0]] = 0
    elapsed = np.cumsum(gap)
    elapsed -= np.repeat(elapsed[first[:-1][sizes > 0]], sizes[sizes > 0])
    sent = np.minimum(plus_seconds(started[conversation], elapsed), end)
    response_ms = log_normal_int(drawn, total, 1800, 0.7, 90, 60_000)
    failed = (role == ASSISTANT) & chance(drawn, total, 0.03)
    silence = (end - _last(sent, first, started)).astype(np.int64)
    status = _statuses(stream(plan, "ai/status"), silence)

    extra = max(plan.rows("ai_call_logs") - int((role == ASSISTANT).sum()), 0)
    answers = np.flatnonzero(role == ASSISTANT)
    if (limit := plan.rows("ai_call_logs")) < len(answers):
        answers = np.sort(drawn.choice(answers, limit, replace=False))
    since = np.datetime64(plan.since("ai_call_logs"), "s")
    answers = answers[sent[answers] >= since]
    calls = stream(plan, "ai/calls")
    recent = rhythm(plan.since("ai_call_logs"), plan.end, growth=2.0)
    room = recent.room(agents.created_at, ends)
    lone_agent = choice_index(calls, extra, appetite * room).astype(np.int64)
    lone_at = recent.between(calls, agents.created_at[lone_agent], np.full(extra, end))
    call_message = np.r_[answers, np.full(extra, -1)]
    call_agent = np.r_[agent[conversation[answers]], lone_agent]
    call_platform = np.r_[
        platform[conversation[answers]], platforms.pick(calls, agents.tenant[lone_agent])
    ]
    call_at = np.r_[sent[answers], lone_at]
    order = np.lexsort((np.arange(len(call_at)), call_at.astype(np.int64)))
    return Platform(
        plan=plan,
        world=world,
        agents=agents,
        platforms=platforms,
        conversation_agent=agent,
        conversation_platform=platform,
        started=started,
        status=status,
        first_message=first,
        role=role,
        sent=sent,
        response_ms=response_ms,
        prompt_tokens=log_normal_int(drawn, total, 420, 0.8, 8, 8000),
        completion_tokens=log_normal_int(drawn, total, 180, 0.9, 1, 4000),
        failed=failed,
        call_message=call_message[order],
        call_agent=call_agent[order],
        call_platform=call_platform[order],
        call_at=call_at[order],
    )


def _message_counts(plan: Plan, conversations: int) -> Indexes:
    """Messages per conversation: a few long ones; some were opened and never used."""
    rng = stream(plan, "ai/sizes")
    weight = np.exp(rng.standard_normal(conversations) * 0.9) * ~chance(rng, conversations, 0.04)
    return apportion(plan.rows("ai_messages"), weight)


def _last(sent: Times, first: Indexes, started: Times) -> Times:
    """When each conversation was last heard of."""
    last = started.copy()
    used = np.diff(first) > 0
    last[used] = sent[first[1:][used] - 1]
    return last


def _statuses(rng: np.random.Generator, silence: Indexes) -> Indexes:
    """Active ones spoke within half an hour; old ones ended one way or another."""
    count = len(silence)
    ended = choice_index(rng, count, (0, 4, 55, 12, 4, 0))
    old = np.where(chance(rng, count, 0.9), 5, ended)
    status = np.where(silence > 30 * DAY, old, ended)
    return np.where(silence < 1800, 0, status)


@dataclass(frozen=True)
class Totals:
    """What an agent's conversations and messages add up to."""

    conversations: Indexes
    messages: Indexes
    tokens: Indexes
    cost_micros: Indexes
    mean_ms: Indexes
    success: Array
    last_at: Indexes


def agent_totals(platform: Platform) -> Totals:
    """Figures per agent, from the messages."""
    count = len(platform.agents)
    owner = platform.conversation_agent[platform.message_conversation]
    answers = np.flatnonzero(platform.role == ASSISTANT)
    spoken = owner[answers]
    number = np.bincount(spoken, minlength=count)
    tokens = platform.prompt_tokens[answers] + platform.completion_tokens[answers]
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, owner, platform.sent.astype(np.int64))
    ok = np.bincount(spoken[~platform.failed[answers]], minlength=count)
    return Totals(
        conversations=np.bincount(platform.conversation_agent, minlength=count),
        messages=number,
        tokens=_sum(spoken, tokens, count),
        cost_micros=_sum(spoken, platform.cost_micros(answers), count),
        mean_ms=_sum(spoken, platform.response_ms[answers], count) // np.maximum(number, 1),
        success=np.where(number > 0, ok * 10_000 // np.maximum(number, 1), 0),
        last_at=last,
    )


def _sum(group: Indexes, values: Indexes, groups: int) -> Indexes:
    """Exact integer sums by group."""
    total = np.zeros(groups, dtype=np.int64)
    np.add.at(total, group, values)
    return total


def _creators(platform: Platform, rows: Rows) -> pa.Array:
    users = platform.world.users
    rng = stream(platform.plan, f"{rows.table}/creators")
    picked = users.pick(rng, rows.tenant, at=rows.created_at)
    return users.ids(np.where(picked < 0, 0, picked))


def _platforms(platform: Platform) -> Chunk:
    plan, rows = platform.plan, platform.platforms
    count, rng = len(rows), stream(plan, "ai_platforms")
    mine = platform.call_platform >= 0
    owner = platform.call_platform[mine]
    requests = np.bincount(owner, minlength=count)
    failures = np.bincount(owner[call_failed(platform, np.flatnonzero(mine))], minlength=count)
    spent = _sum(owner, call_cost(platform, np.flatnonzero(mine)), count)
    taken = _sum(owner, call_ms(platform, np.flatnonzero(mine)), count)
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, owner, platform.call_at[mine].astype(np.int64))
    kind = rng.integers(0, len(PLATFORM_TYPES), count)
    return "ai_platforms", conform(
        "ai_platforms",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "platform_name": join(take(PLATFORM_TYPES, kind), "-", rank_in_group(rows.tenant) + 1),
            "platform_type": take(PLATFORM_TYPES, kind),
            "base_url": urls("ai", "v1", codes("p", np.arange(count), 5)),
            "auth_type": choice(rng, count, {"bearer": 6, "apikey": 3, "custom": 1}),
            "auth_config": json_object(token=hex_text(rng, count, 40)),
            "capabilities": json_choice(rng, count, [["chat"], ["chat", "rag"]], null=0.1),
            "supported_models": json_choice(rng, count, [list(MODELS), list(MODELS[:2])], null=0.2),
            "rate_limits": json_choice(rng, count, [{"rpm": 600}, {"rpm": 60}], null=0.3),
            "priority": np.asarray([50, 100, 200])[rng.integers(0, 3, count)],
            "status": choice(rng, count, {"active": 88, "inactive": 7, "maintenance": 5}),
            "health_check_url": nullify(
                urls("ai", "health", codes("p", np.arange(count), 5)), chance(rng, count, 0.8)
            ),
            "total_requests": requests,
            "successful_requests": requests - failures,
            "failed_requests": failures,
            "avg_response_time": taken // np.maximum(requests, 1),
            "last_health_check_at": nullable(
                np.full(count, np.datetime64(plan.end, "s")), chance(rng, count, 0.9)
            ),
            "last_error_at": nullable(
                np.maximum(last, 0).astype("datetime64[s]"), (last >= 0) & (failures > 0)
            ),
            "total_cost": spent // 100,
            "avg_cost_per_request": spent // np.maximum(requests, 1) // 100,
            "created_at": rows.created_at,
            "created_by": _creators(platform, rows),
        },
    )


def _agents(platform: Platform, totals: Totals) -> Chunk:
    plan, rows = platform.plan, platform.agents
    count, rng = len(rows), stream(plan, "ai_agents")
    used = totals.conversations > 0
    status = choice(rng, count, {"active": 8, "inactive": 1, "archived": 0.5})
    unused = choice(rng, count, {"draft": 5, "testing": 3, "active": 2})
    words = ("客服助手", "销售顾问", "健康管家 🩺", "工单助手", "知识问答")
    return "ai_agents", conform(
        "ai_agents",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "agent_name": join(take(words, rng.integers(0, 5, count)), " ", np.arange(count) + 1),
            "description": nullify(sentences(rng, count), chance(rng, count, 0.7)),
            "category": choice(rng, count, {"service": 4, "sales": 3, "health": 2, None: 1}),
            "agent_type": choice(rng, count, {"chatbot": 7, "workflow": 2, "plugin": 1}),
            "config": json_object(api_key=hex_text(rng, count, 32), temperature=0.7),
            "model_config": json_object(model=choice(rng, count, MODELS)),
            "prompt_config": json_choice(
                rng, count, [{"role": "客服"}, {"role": "顾问"}], null=0.2
            ),
            "status": pa.array(np.where(used, status.to_pylist(), unused.to_pylist()), pa.string()),
            "version": choice(rng, count, {"1.0.0": 5, "1.1.0": 3, "2.0.0": 2}),
            "conversation_count": totals.conversations,
            "message_count": totals.messages,
            "total_tokens": totals.tokens,
            "total_cost": totals.cost_micros // 100,
            "avg_response_time": totals.mean_ms,
            "success_rate": totals.success,
            "satisfaction_score": np.where(used, rng.integers(300, 500, count), 0),
            "last_used_at": moments(totals.last_at),
            "created_at": rows.created_at,
            "created_by": _creators(platform, rows),
        },
    )


def _agent_versions(platform: Platform) -> Chunk:
    """Every agent has at least one version; exactly one of each is current."""
    plan, agents = platform.plan, platform.agents
    rng = stream(plan, "ai_agent_versions")
    sizes = apportion(max(plan.rows("ai_agent_versions"), len(agents)), np.ones(len(agents)), 1)
    agent = np.repeat(np.arange(len(agents)), sizes)
    number = rank_in_group(agent)
    current = number == sizes[agent] - 1
    count = len(agent)
    born = agents.created_at.astype(np.int64)[agent]
    room = (seconds_of(plan.end) - born) * number // np.maximum(sizes[agent], 1)
    created = (born + room).astype("datetime64[s]")
    deployed = current | chance(rng, count, 0.7)
    talks = np.bincount(platform.conversation_agent, minlength=len(agents))
    return "ai_agent_versions", conform(
        "ai_agent_versions",
        {
            "id": ids_of(plan, "ai_agent_versions", np.arange(count)),
            "tenant_id": agents.tenant_ids(agent),
            "agent_id": agents.pooled_ids(agent),
            "version": join("1.", number, ".0"),
            "version_name": nullify(join("第", number + 1, "版"), chance(rng, count, 0.5)),
            "changelog": nullify(sentences(rng, count), chance(rng, count, 0.6)),
            "is_current": current,
            "config": json_object(api_key=hex_text(rng, count, 32)),
            "model_config": json_object(model=choice(rng, count, MODELS)),
            "status": pa.array(
                np.where(current, "stable", np.where(deployed, "deprecated", "draft")), pa.string()
            ),
            "deploy_count": np.where(deployed, rng.integers(1, 5, count), 0),
            "conversation_count": np.where(current, talks[agent], 0),
            "success_rate": nullable(rng.integers(8500, 10000, count), deployed),
            "avg_response_time": nullable(
                log_normal_int(rng, count, 1800, 0.3, 200, 9000), deployed
            ),
            "first_deployed_at": nullable(created, deployed),
            "last_deployed_at": nullable(created, deployed),
            "created_at": created,
            "created_by": platform.world.users.ids(
                np.maximum(platform.world.users.pick(rng, agents.tenant[agent], at=created), 0)
            ),
        },
    )


def _links(platform: Platform, table: str, others: Rows) -> Links:
    """Pairs of agent and another thing of its tenant; no pair twice."""
    plan, agents = platform.plan, platform.agents
    rng = stream(plan, f"{table}/pairs")
    agent = rng.integers(0, len(agents), plan.rows(table) * 2)
    other = others.pick(rng, agents.tenant[agent])
    agent, other = agent[other >= 0], other[other >= 0]
    _, once = np.unique(agent * (len(others) + 1) + other, return_index=True)
    kept = np.sort(once)[: plan.rows(table)]
    return Links(agent[kept], other[kept], agents.tenant[agent[kept]])


def _linked_since(platform: Platform, links: Links, others: Rows) -> Times:
    return np.maximum(platform.agents.created_at[links.agent], others.created_at[links.other])


def _platform_agents(platform: Platform) -> Chunk:
    plan = platform.plan
    links = _links(platform, "ai_platform_agents", platform.platforms)
    count, rng = len(links.agent), stream(plan, "ai_platform_agents")
    calls = np.flatnonzero(platform.call_platform >= 0)
    pair = platform.call_agent[calls] * len(platform.platforms) + platform.call_platform[calls]
    wanted = links.agent * len(platform.platforms) + links.other
    order = np.argsort(wanted)
    place = np.searchsorted(wanted[order], pair)
    place = np.minimum(place, count - 1)
    hit = wanted[order][place] == pair
    row = order[place[hit]]
    requests = np.bincount(row, minlength=count)
    failures = np.bincount(row[call_failed(platform, calls[hit])], minlength=count)
    taken = _sum(row, call_ms(platform, calls[hit]), count)
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, row, platform.call_at[calls[hit]].astype(np.int64))
    synced = chance(rng, count, 0.9)
    return "ai_platform_agents", conform(
        "ai_platform_agents",
        {
            "id": ids_of(plan, "ai_platform_agents", np.arange(count)),
            "tenant_id": platform.agents.tenant_ids(links.agent),
            "agent_id": platform.agents.pooled_ids(links.agent),
            "platform_id": platform.platforms.pooled_ids(links.other),
            "platform_agent_id": hex_text(rng, count, 20),
            "platform_config": nullify(json_object(key=hex_text(rng, count, 24)), synced),
            "sync_status": take(["success", "failed"], np.where(synced, 0, 1)),
            "sync_attempt_count": rng.integers(1, 5, count),
            "sync_duration_ms": nullable(log_normal_int(rng, count, 800, 0.6, 20, 20000), synced),
            "deployment_status": take(["deployed", "stopped"], np.where(synced, 0, 1)),
            "is_enabled": synced & chance(rng, count, 0.9),
            "total_requests": requests,
            "successful_requests": requests - failures,
            "failed_requests": failures,
            "avg_response_time": taken // np.maximum(requests, 1),
            "last_request_at": moments(last),
            "quality_score": rng.integers(200, 500, count),
            "stability_score": rng.integers(200, 500, count),
            "created_at": _linked_since(platform, links, platform.platforms),
        },
    )


def _has_strategy(platform: Platform) -> Indexes:
    """The agents with a strategy, in order."""
    share = hash_share(platform.plan, "ai/strategy", np.arange(len(platform.agents)))
    keep = platform.plan.rows("ai_scheduling_strategies") / len(platform.agents)
    return np.flatnonzero(share < min(keep, 0.9))


def _strategy_kind(platform: Platform, agent: Indexes) -> Indexes:
    share = hash_share(platform.plan, "ai/strategy_kind", agent)
    return np.minimum((share * len(STRATEGIES)).astype(np.int64), len(STRATEGIES) - 1)


def _strategies(platform: Platform) -> Chunk:
    plan, agents = platform.plan, platform.agents
    agent = _has_strategy(platform)
    count, rng = len(agent), stream(plan, "ai_scheduling_strategies")
    own = np.bincount(platform.call_agent, minlength=len(agents))[agent]
    failed = np.bincount(
        platform.call_agent[call_failed(platform, np.arange(len(platform.call_at)))],
        minlength=len(agents),
    )[agent]
    last = np.full(len(agents), -1, dtype=np.int64)
    np.maximum.at(last, platform.call_agent, platform.call_at.astype(np.int64))
    kind = _strategy_kind(platform, agent)
    return "ai_scheduling_strategies", conform(
        "ai_scheduling_strategies",
        {
            "id": ids_of(plan, "ai_scheduling_strategies", agent),
            "tenant_id": agents.tenant_ids(agent),
            "agent_id": agents.ids(agent),
            "strategy_name": join("策略 ", take(STRATEGIES, kind)),
            "strategy_type": take(STRATEGIES, kind),
            "platform_weights": json_choice(rng, count, [{"a": 70, "b": 30}], null=0.6),
            "failover_config": json_choice(rng, count, [{"max": 2}], null=0.4),
            "total_dispatches": own,
            "successful_dispatches": own - failed,
            "failed_dispatches": failed,
            "avg_dispatch_time": log_normal_int(rng, count, 12_000, 0.4, 1000, 90_000),
            "last_dispatch_at": moments(last[agent]),
            "is_enabled": chance(rng, count, 0.93),
            "created_at": agents.created_at[agent],
        },
    )


# --- calls and dispatches: properties that belong to a call's number ------------------------------


def call_failed(platform: Platform, calls: Indexes) -> Bools:
    """Whether these calls failed: with their message, or by chance where they have none."""
    message = platform.call_message[calls]
    by_chance = hash_share(platform.plan, "ai/call_failed", calls) < 0.04
    return np.where(message >= 0, platform.failed[np.maximum(message, 0)], by_chance)


def call_ms(platform: Platform, calls: Indexes) -> Indexes:
    """Milliseconds of these calls; the message's where there is one."""
    message = platform.call_message[calls]
    own = (300 + 5000 * hash_share(platform.plan, "ai/call_ms", calls) ** 3).astype(np.int64)
    return np.where(message >= 0, platform.response_ms[np.maximum(message, 0)], own)


def call_tokens(platform: Platform, calls: Indexes) -> tuple[Indexes, Indexes]:
    """Prompt and completion tokens of these calls."""
    message = platform.call_message[calls]
    prompt = (50 + 900 * hash_share(platform.plan, "ai/call_prompt", calls)).astype(np.int64)
    answer = (10 + 400 * hash_share(platform.plan, "ai/call_answer", calls)).astype(np.int64)
    known = np.maximum(message, 0)
    return (
        np.where(message >= 0, platform.prompt_tokens[known], prompt),
        np.where(message >= 0, platform.completion_tokens[known], answer),
    )


def call_cost(platform: Platform, calls: Indexes) -> Indexes:
    """Millionths of a yuan; a failed call costs nothing."""
    prompt, answer = call_tokens(platform, calls)
    return np.where(call_failed(platform, calls), 0, prompt * 4 + answer * 12)


def _call_logs(platform: Platform) -> Iterator[Chunk]:
    plan = platform.plan
    total = len(platform.call_at)
    for number, part in enumerate(plan.chunks(total)):
        rng = stream(plan, "ai_call_logs", number)
        calls = np.arange(part.start, part.stop)
        rows, agent = len(calls), platform.call_agent[part]
        message, failed = platform.call_message[part], call_failed(platform, calls)
        prompt, answer = call_tokens(platform, calls)
        conversation = np.where(
            message >= 0, _conversation_of(platform, np.maximum(message, 0)), -1
        )
        code = choice_index(rng, rows, (4, 3, 2, 1))
        has_tokens = ~failed & chance(rng, rows, 0.98)
        yield (
            "ai_call_logs",
            conform(
                "ai_call_logs",
                {
                    "id": ids_of(plan, "ai_call_logs", calls),
                    "tenant_id": platform.agents.tenant_ids(agent),
                    "request_id": fixed_text(plan, "ai/request", calls, 24),
                    "agent_id": platform.agents.pooled_ids(agent),
                    "conversation_id": ids_of(plan, "ai_conversations", conversation),
                    "platform_id": nullify(
                        platform.platforms.pooled_ids(platform.call_platform[part]),
                        platform.call_platform[part] >= 0,
                    ),
                    "api_endpoint": choice(rng, rows, {"/v1/chat": 8, "/v1/embeddings": 1}),
                    "request_method": "POST",
                    "request_size": prompt * 5,
                    "status_code": np.where(failed, np.asarray([500, 429, 504, 400])[code], 200),
                    "response_time": call_ms(platform, calls),
                    "response_size": np.where(failed, 120, answer * 6),
                    # Some answers carry no token count at all, as some platforms do not report it.
                    "tokens": nullify(
                        json_object(prompt=prompt, completion=answer, total=prompt + answer),
                        has_tokens,
                    ),
                    "cost": call_cost(platform, calls),
                    "error_code": nullify(
                        take(["upstream", "rate_limit", "timeout", "bad_request"], code), failed
                    ),
                    "error_message": nullify(choice(rng, rows, ("上游错误", "请求过多")), failed),
                    "routing_strategy": take(STRATEGIES, _strategy_kind(platform, agent)),
                    "retry_count": np.where(failed, rng.integers(0, 3, rows), 0),
                    "client_ip": ip_addresses(rng, rows),
                    "user_agent": user_agents(rng, rows),
                    "created_at": platform.call_at[part],
                },
            ),
        )


def _conversation_of(platform: Platform, messages: Indexes) -> Indexes:
    return np.searchsorted(platform.first_message, messages, side="right") - 1


def _dispatch_logs(platform: Platform) -> Iterator[Chunk]:
    """One dispatch for a share of the calls: the scheduler's view of them."""
    plan = platform.plan
    since = np.datetime64(plan.since("ai_dispatch_logs"), "s")
    candidates = np.flatnonzero(platform.call_at >= since)
    wanted = min(plan.rows("ai_dispatch_logs"), len(candidates))
    picked = stream(plan, "ai_dispatch_logs/calls").choice(candidates, wanted, replace=False)
    dispatched = np.sort(picked)
    with_strategy = np.zeros(len(platform.agents), dtype=bool)
    with_strategy[_has_strategy(platform)] = True
    for number, part in enumerate(plan.chunks(wanted)):
        rng = stream(plan, "ai_dispatch_logs", number)
        calls = dispatched[part]
        rows, agent = len(calls), platform.call_agent[calls]
        failed, none = call_failed(platform, calls), platform.call_platform[calls] < 0
        timed_out = failed & chance(rng, rows, 0.3)
        status = np.where(none, 3, np.where(timed_out, 2, np.where(failed, 1, 0)))
        chosen = platform.call_platform[calls]
        # A failover: another platform of the tenant was selected first.
        first = platform.platforms.pick(rng, platform.agents.tenant[agent])
        moved = ~none & chance(rng, rows, 0.06) & (first != chosen)
        selected = np.where(moved, first, chosen)
        dispatch = log_normal_int(rng, rows, 8000, 0.8, 200, 900_000)
        queued = log_normal_int(rng, rows, 3000, 1.2, 0, 5_000_000)
        waited = np.where(chance(rng, rows, 0.95), queued, -1)
        total = np.maximum(waited, 0) + dispatch + call_ms(platform, calls) * 1000
        yield (
            "ai_dispatch_logs",
            conform(
                "ai_dispatch_logs",
                {
                    "id": ids_of(plan, "ai_dispatch_logs", calls),
                    "tenant_id": platform.agents.tenant_ids(agent),
                    "request_id": fixed_text(plan, "ai/request", calls, 24),
                    "agent_id": platform.agents.pooled_ids(agent),
                    "strategy_id": nullify(
                        id_pool(plan, "ai_scheduling_strategies", len(platform.agents), agent),
                        with_strategy[agent],
                    ),
                    "available_platforms": json_choice(rng, rows, [["a"], ["a", "b"], []]),
                    "selected_platform_id": nullify(
                        platform.platforms.pooled_ids(selected), selected >= 0
                    ),
                    "selection_reason": choice(rng, rows, {"响应最快": 3, "成本最低": 2, None: 2}),
                    "dispatch_time_ms": dispatch,
                    "total_time_ms": nullable(total, ~none),
                    "queue_wait_time_ms": nullable(queued, waited >= 0),
                    "dispatch_status": take(
                        ["success", "failed", "timeout", "no_available_platform"], status
                    ),
                    "response_status_code": nullable(np.where(failed, 500, 200), ~none),
                    "error_code": nullify(choice(rng, rows, ("upstream", "timeout")), status > 0),
                    "retry_count": np.where(moved, 1, 0),
                    "final_platform_id": nullify(platform.platforms.pooled_ids(chosen), ~none),
                    "created_at": platform.call_at[calls],
                },
            ),
        )


# --- knowledge and tools --------------------------------------------------------------------------


def _documents_by_base(platform: Platform) -> Indexes:
    bases = platform.world.rows("ai_knowledge_bases")
    rng = stream(platform.plan, "ai_knowledge_documents/sizes")
    weight = np.exp(rng.standard_normal(len(bases))) * ~chance(rng, len(bases), 0.05)
    return apportion(platform.plan.rows("ai_knowledge_documents"), weight)


def _document_chunks(platform: Platform, document: Indexes) -> Indexes:
    share = hash_share(platform.plan, "ai/document_chunks", document)
    return np.where(share < 0.06, 0, 1 + (share * 40).astype(np.int64))


def _knowledge_bases(platform: Platform) -> Chunk:
    plan = platform.plan
    rows = platform.world.rows("ai_knowledge_bases")
    count, rng = len(rows), stream(plan, "ai_knowledge_bases")
    sizes = _documents_by_base(platform)
    base = np.repeat(np.arange(count), sizes)
    chunks = _sum(base, _document_chunks(platform, np.arange(len(base))), count)
    queries = np.where(sizes > 0, log_normal_int(rng, count, 300, 1.2, 0, 50_000), 0)
    links, by_agents, _ = _knowledge_links(platform)
    queries += _sum(links.other, by_agents, count)
    asked = queries > 0
    return "ai_knowledge_bases", conform(
        "ai_knowledge_bases",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "kb_name": join(
                choice(rng, count, ("产品手册", "常见问题", "健康百科 📚")), np.arange(count)
            ),
            "description": nullify(sentences(rng, count), chance(rng, count, 0.5)),
            "kb_type": choice(rng, count, {"documents": 6, "qa_pairs": 3, "mixed": 1}),
            "config": json_choice(rng, count, [{"top_k": 5}, {"top_k": 3}], null=0.2),
            "status": choice(rng, count, {"active": 9, "inactive": 0.5, "processing": 0.5}),
            "document_count": sizes,
            "total_chunks": chunks,
            "index_status": take(["ready", "building"], np.where(sizes > 0, 0, 1)),
            "query_count": queries,
            "hit_count": queries * 7 // 10,
            "avg_relevance_score": nullable(rng.integers(500, 950, count), asked),
            "last_queried_at": nullable(np.full(count, np.datetime64(plan.end, "s")), asked),
            "created_at": rows.created_at,
            "created_by": _creators(platform, rows),
        },
    )


def _knowledge_documents(platform: Platform) -> Iterator[Chunk]:
    plan = platform.plan
    bases = platform.world.rows("ai_knowledge_bases")
    base = np.repeat(np.arange(len(bases)), _documents_by_base(platform))
    for number, part in enumerate(plan.chunks(len(base))):
        rng = stream(plan, "ai_knowledge_documents", number)
        document, owner = np.arange(part.start, part.stop), base[part]
        rows, chunks = len(document), _document_chunks(platform, document)
        end = np.full(rows, np.datetime64(plan.end, "s"))
        born = bases.created_at[owner]
        created = plus_seconds(
            born, (rng.random(rows) * (end - born).astype(np.int64)).astype(np.int64)
        )
        state = np.where(chunks > 0, 0, choice_index(rng, rows, (0, 2, 1, 1)))
        yield (
            "ai_knowledge_documents",
            conform(
                "ai_knowledge_documents",
                {
                    "id": ids_of(plan, "ai_knowledge_documents", document),
                    "tenant_id": bases.tenant_ids(owner),
                    "knowledge_base_id": bases.pooled_ids(owner),
                    "title": join("文档 ", numbers_as_text(document + 1, 7)),
                    "content": sentences(rng, rows),
                    "file_type": choice(rng, rows, {"pdf": 4, "docx": 3, "md": 2, None: 1}),
                    "file_size": nullable(
                        log_normal_int(rng, rows, 200_000, 1.2, 100, 50_000_000),
                        chance(rng, rows, 0.9),
                    ),
                    "metadata": json_choice(rng, rows, [{"lang": "zh"}], null=0.4),
                    "tags": json_choice(rng, rows, [["产品"], ["售后", "政策"]], null=0.4),
                    "category": choice(rng, rows, {"product": 3, "policy": 2, None: 2}),
                    "chunk_count": chunks,
                    "process_status": take(["completed", "pending", "processing", "failed"], state),
                    "process_error": nullify(
                        choice(rng, rows, ("格式不支持", "解析超时")), state == 3
                    ),
                    "query_count": rng.integers(0, 40, rows),
                    "created_at": created,
                },
            ),
        )


def _knowledge_links(platform: Platform) -> tuple[Links, Indexes, np.random.Generator]:
    """Agents' knowledge bases, how often each asked one, and the stream for what else there is."""
    links = _links(platform, "ai_agent_knowledge_bases", platform.world.rows("ai_knowledge_bases"))
    rng = stream(platform.plan, "ai_agent_knowledge_bases")
    queries = log_normal_int(rng, len(links.agent), 60, 1.3, 0, 20_000)
    return links, np.where(_documents_by_base(platform)[links.other] > 0, queries, 0), rng


def _agent_knowledge_bases(platform: Platform) -> Chunk:
    plan = platform.plan
    bases = platform.world.rows("ai_knowledge_bases")
    links, queries, rng = _knowledge_links(platform)
    count = len(links.agent)
    return "ai_agent_knowledge_bases", conform(
        "ai_agent_knowledge_bases",
        {
            "id": ids_of(plan, "ai_agent_knowledge_bases", np.arange(count)),
            "tenant_id": platform.agents.tenant_ids(links.agent),
            "agent_id": platform.agents.pooled_ids(links.agent),
            "knowledge_base_id": bases.pooled_ids(links.other),
            "priority": np.asarray([50, 100])[rng.integers(0, 2, count)],
            "is_enabled": chance(rng, count, 0.9),
            "query_count": queries,
            "hit_count": queries * 6 // 10,
            "avg_relevance_score": nullable(rng.integers(400, 950, count), queries > 0),
            "created_at": _linked_since(platform, links, bases),
        },
    )


def _tools(platform: Platform) -> Chunk:
    plan = platform.plan
    rows = platform.world.rows("ai_tools")
    count, rng = len(rows), stream(plan, "ai_tools")
    links, by_agents, _ = _tool_links(platform)
    uses = log_normal_int(rng, count, 200, 1.3, 0, 90_000)
    uses += _sum(links.other, by_agents, count)
    return "ai_tools", conform(
        "ai_tools",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "tool_name": join(
                choice(rng, count, ("天气查询", "订单查询", "日程")), np.arange(count)
            ),
            "description": nullify(sentences(rng, count), chance(rng, count, 0.5)),
            "tool_type": choice(rng, count, {"built_in": 2, "custom": 5, "api": 3}),
            "config": json_object(secret=hex_text(rng, count, 24)),
            "input_schema": json_choice(rng, count, [{"type": "object"}], null=0.1),
            "status": choice(rng, count, {"active": 9, "inactive": 0.6, "deprecated": 0.4}),
            "usage_count": uses,
            "success_count": uses * 95 // 100,
            "avg_execution_time": nullable(
                log_normal_int(rng, count, 400, 0.7, 5, 30_000), uses > 0
            ),
            "last_used_at": nullable(np.full(count, np.datetime64(plan.end, "s")), uses > 0),
            "created_at": rows.created_at,
            "created_by": _creators(platform, rows),
        },
    )


def _tool_links(platform: Platform) -> tuple[Links, Indexes, np.random.Generator]:
    """Agents' tools, how often each called one, and the stream for what else there is."""
    links = _links(platform, "ai_agent_tools", platform.world.rows("ai_tools"))
    rng = stream(platform.plan, "ai_agent_tools")
    return links, log_normal_int(rng, len(links.agent), 80, 1.2, 0, 20_000), rng


def _agent_tools(platform: Platform) -> Chunk:
    plan = platform.plan
    tools = platform.world.rows("ai_tools")
    links, calls, rng = _tool_links(platform)
    count = len(links.agent)
    return "ai_agent_tools", conform(
        "ai_agent_tools",
        {
            "id": ids_of(plan, "ai_agent_tools", np.arange(count)),
            "tenant_id": platform.agents.tenant_ids(links.agent),
            "agent_id": platform.agents.pooled_ids(links.agent),
            "tool_id": tools.pooled_ids(links.other),
            "tool_config": nullify(
                json_object(token=hex_text(rng, count, 16)), chance(rng, count, 0.4)
            ),
            "is_enabled": chance(rng, count, 0.88),
            "invocation_count": calls,
            "success_count": calls * 9 // 10,
            "error_count": calls - calls * 9 // 10,
            "avg_execution_time": nullable(
                log_normal_int(rng, count, 400, 0.7, 5, 9000), calls > 0
            ),
            "created_at": _linked_since(platform, links, tools),
        },
    )


# --- conversations and messages -------------------------------------------------------------------


def _conversations(platform: Platform) -> Iterator[Chunk]:
    plan = platform.plan
    total = len(platform.started)
    last = _last(platform.sent, platform.first_message, platform.started)
    answers = platform.role == ASSISTANT
    owner = platform.message_conversation[answers]
    spoken = np.flatnonzero(answers)
    tokens = _sum(owner, platform.prompt_tokens[spoken] + platform.completion_tokens[spoken], total)
    cost = _sum(owner, platform.cost_micros(spoken), total)
    taken = _sum(owner, platform.response_ms[spoken], total)
    number_of_answers = np.bincount(owner, minlength=total)
    for number, part in enumerate(plan.chunks(total)):
        rng = stream(plan, "ai_conversations", number)
        index, agent = np.arange(part.start, part.stop), platform.conversation_agent[part]
        rows, status = len(index), platform.status[part]
        closed = np.isin(status, (2, 3, 4, 5))
        scored = closed & chance(rng, rows, 0.35)
        chosen = platform.conversation_platform[part]
        yield (
            "ai_conversations",
            conform(
                "ai_conversations",
                {
                    "id": ids_of(plan, "ai_conversations", index),
                    "tenant_id": platform.agents.tenant_ids(agent),
                    "conversation_id": fixed_text(plan, "ai/conversation", index, 24),
                    "agent_id": platform.agents.pooled_ids(agent),
                    "user_id": join("ext-", numbers_as_text(rng.integers(0, 5000, rows), 6)),
                    "session_key": nullify(hex_text(rng, rows, 32), chance(rng, rows, 0.8)),
                    "title": nullify(
                        choice(rng, rows, ("咨询", "售后", "预约 📅")), chance(rng, rows, 0.7)
                    ),
                    "status": take(STATUSES, status),
                    "variables": json_choice(rng, rows, [{"vip": True}], null=0.8),
                    "message_count": np.diff(platform.first_message)[part],
                    "total_tokens": tokens[part],
                    "total_cost": cost[part] // 100,
                    "avg_response_time": nullable(
                        taken[part] // np.maximum(number_of_answers[part], 1),
                        number_of_answers[part] > 0,
                    ),
                    "satisfaction_score": nullable(rng.integers(2, 11, rows) * 50, scored),
                    "last_message_at": last[part],
                    "expires_at": nullable(plus_seconds(last[part], DAY), chance(rng, rows, 0.8)),
                    "primary_platform_id": nullify(
                        platform.platforms.pooled_ids(chosen), chosen >= 0
                    ),
                    "created_at": platform.started[part],
                    "updated_at": last[part],
                },
            ),
        )


def _messages(platform: Platform) -> Iterator[Chunk]:
    plan = platform.plan
    total = len(platform.role)
    for number, part in enumerate(plan.chunks(total)):
        rng = stream(plan, "ai_messages", number)
        index = np.arange(part.start, part.stop)
        rows, role = len(index), platform.role[part]
        conversation = _conversation_of(platform, index)
        agent = platform.conversation_agent[conversation]
        chosen = platform.conversation_platform[conversation]
        answer, failed = role == ASSISTANT, platform.failed[part]
        prompt, completion = platform.prompt_tokens[part], platform.completion_tokens[part]
        good = answer & ~failed
        yield (
            "ai_messages",
            conform(
                "ai_messages",
                {
                    "id": ids_of(plan, "ai_messages", index),
                    "tenant_id": platform.agents.tenant_ids(agent),
                    "message_id": fixed_text(plan, "ai/message", index, 28),
                    "conversation_id": ids_of(plan, "ai_conversations", conversation),
                    "role": take(["user", "assistant", "system", "function"], role),
                    "content_type": choice(
                        rng, rows, {"text": 93, "image": 4, "file": 2, "mixed": 1}
                    ),
                    "content": sentences(rng, rows),
                    "platform_id": nullify(
                        platform.platforms.pooled_ids(chosen), answer & (chosen >= 0)
                    ),
                    "response_time": nullable(platform.response_ms[part], answer),
                    "tokens": nullify(
                        json_object(
                            prompt=prompt, completion=completion, total=prompt + completion
                        ),
                        answer,
                    ),
                    "confidence": nullable(rng.integers(500, 1000, rows), good),
                    "finish_reason": nullify(choice(rng, rows, {"stop": 9, "length": 1}), good),
                    "quality_score": nullable(
                        rng.integers(200, 500, rows), good & chance(rng, rows, 0.5)
                    ),
                    "user_feedback": nullify(
                        choice(rng, rows, {"positive": 6, "negative": 2, "neutral": 2}),
                        answer & chance(rng, rows, 0.12),
                    ),
                    "error_info": nullify(
                        json_object(
                            code=choice(rng, rows, ("timeout", "upstream")), detail=Raw("null")
                        ),
                        failed,
                    ),
                    "created_at": late(rng, platform.sent[part], 0.01, plan.end, days=0.2),
                },
            ),
        )
