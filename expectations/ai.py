"""AI: platforms, agents, calls, dispatches, conversations, knowledge and tools.

Days are business days. Response times of calls and messages are seconds, those of dispatches
milliseconds, costs yuan.
"""

from __future__ import annotations

from expectations.base import (
    HISTORY_DAYS,
    REBUILT_DAYS,
    Expectation,
    Product,
    Scope,
    at_most,
    complete,
    fresh,
    in_order,
    no_copies,
    no_rows,
    not_ahead,
    not_negative,
    quiet_nights,
    readable,
    rule,
    same_tenant,
    steady_mix,
    steady_ratio,
    steady_volume,
    within,
)

DATABASE = "ai_agent_platform"
AGENTS = (DATABASE, "ai_agents")
WRITTEN_DAY = "cast(created_at as date)"
# Clients of the platforms give up after ten minutes, which is also the default of OpenAI's own.
SLOWEST_CALL_SECONDS = 600
SLOWEST_DISPATCH_MS = 600_000
# A call that fills a context of a million tokens with the dearest models costs about 500 yuan.
DEAREST_CALL_CNY = 500
# Figures are rounded to two decimals, so two ways to the same one differ by no more than this.
ROUNDING = 0.011


def sources(scope: Scope) -> list[Product]:
    """What the AI platform's applications wrote, in a fixed order."""
    return [
        platforms(scope),
        agents(scope),
        platform_agents(scope),
        call_logs(scope),
        dispatch_logs(scope),
        conversations(scope),
        messages(scope),
        knowledge_bases(scope),
        documents(scope),
        tools(scope),
        agent_tools(scope),
    ]


def outputs(scope: Scope) -> list[Product]:
    """What was built from it, in a fixed order."""
    return [
        agent_daily(scope),
        platform_daily(scope),
        dispatch_daily(scope),
        conversation_daily(scope),
        agent_statistics(scope),
        platform_metrics(scope),
        calls(scope),
        conversation_facts(scope),
        scorecard(scope),
    ]


# --- sources -------------------------------------------------------------------------------------


def platforms(scope: Scope) -> Product:
    """One row per AI platform that a tenant has connected."""
    return Product(
        DATABASE,
        "ai_platforms",
        expectations=[
            rule(
                "platforms_count_what_they_answered",
                ["total_requests", "successful_requests", "failed_requests"],
                "successful_requests + failed_requests > total_requests or successful_requests < 0 "
                "or failed_requests < 0",
                "Counters of another platform, or one that wrapped round.",
            ),
            within(
                "platforms_answer_in_seconds",
                "avg_response_time",
                0,
                SLOWEST_CALL_SECONDS,
                "Milliseconds for seconds: routing would avoid the platform.",
            ),
            not_ahead(
                "platforms_are_not_of_tomorrow",
                scope,
                ["created_at", "last_health_check_at", "last_error_at"],
                "A clock that runs ahead: a dead platform would look healthy.",
            ),
            rule(
                "platforms_have_an_address",
                ["base_url"],
                f"not {scope.matches('base_url', '^https?:.+')}",
                "Names or keys in the place of addresses: swapped columns.",
                "an http address",
            ),
            not_negative(
                "platforms_do_not_pay_back",
                ["total_cost", "avg_cost_per_request"],
                "Refunds booked as costs, or a counter that wrapped round.",
            ),
        ],
    )


def agents(scope: Scope) -> Product:
    """One row per agent, with the figures that were written back."""
    return Product(
        DATABASE,
        "ai_agents",
        expectations=[
            within(
                "agents_succeed_at_a_percentage",
                "success_rate",
                0,
                100,
                "A share for a percentage in the write-back.",
            ),
            within(
                "agents_are_rated_on_five_points",
                "satisfaction_score",
                0,
                5,
                "Another scale of rating, which ranks agents wrongly.",
            ),
            within(
                "agents_answer_in_seconds",
                "avg_response_time",
                0,
                SLOWEST_CALL_SECONDS,
                "Milliseconds for seconds in the write-back.",
            ),
            not_negative(
                "agents_count_upwards",
                ["conversation_count", "message_count", "total_tokens", "total_cost"],
                "A counter that wrapped round or was corrected by subtraction.",
            ),
            not_ahead(
                "agents_are_not_of_tomorrow",
                scope,
                ["created_at", "last_used_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            readable(
                "agents_have_readable_names",
                scope,
                ["agent_name", "description"],
                "Names in a broken encoding in every list of agents.",
            ),
        ],
    )


def platform_agents(scope: Scope) -> Product:
    """One row per agent on a platform."""
    return Product(
        DATABASE,
        "ai_platform_agents",
        expectations=[
            rule(
                "deployments_count_what_they_answered",
                ["total_requests", "successful_requests", "failed_requests"],
                "successful_requests + failed_requests > total_requests",
                "Counters of another deployment.",
            ),
            rule(
                "deployments_are_scored_on_five_points",
                ["quality_score", "stability_score"],
                "quality_score < 0 or quality_score > 5 or stability_score < 0 "
                "or stability_score > 5",
                "Another scale of the scores that routing weighs.",
            ),
            same_tenant(
                "deployments_stay_with_their_agents_tenant",
                scope,
                "agent_id",
                AGENTS,
                "Another tenant's agent, and its prompts, on this tenant's platform.",
            ),
            same_tenant(
                "deployments_stay_with_their_platforms_tenant",
                scope,
                "platform_id",
                (DATABASE, "ai_platforms"),
                "One tenant's calls on another one's account and bill.",
            ),
        ],
    )


def call_logs(scope: Scope) -> Product:
    """One row per call to a platform; read are the last weeks."""
    return Product(
        DATABASE,
        "ai_call_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "calls_are_steady",
                scope,
                "1",
                "A lost, doubled or partial day of calls.",
                day=WRITTEN_DAY,
            ),
            complete(
                "calls_have_every_busy_tenant",
                scope,
                "A tenant whose log stopped while its agents go on: nobody would be billed.",
                day=WRITTEN_DAY,
            ),
            no_copies(
                "calls_are_logged_once",
                scope,
                ["request_id", "platform_id", "created_at", "response_time", "response_size"],
                "A batch that was loaded twice under new identifiers: costs would double.",
                day=WRITTEN_DAY,
            ),
            fresh(
                "calls_are_fresh",
                scope,
                WRITTEN_DAY,
                "A log that stopped while the agents go on.",
            ),
            not_ahead(
                "calls_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead puts calls on days that are not billed yet.",
            ),
            quiet_nights(
                "calls_sleep_at_night",
                scope,
                "created_at",
                "Times shifted by a time zone: people do not ask between two and six.",
            ),
            within(
                "calls_take_seconds",
                "response_time",
                0,
                SLOWEST_CALL_SECONDS,
                "Milliseconds for seconds: every mean and every ranking would be off.",
            ),
            steady_ratio(
                "call_times_are_usual",
                scope,
                "response_time",
                "case when response_time is not null then 1 else 0 end",
                "A unit that changed on one day, or a platform ten times slower.",
                day=WRITTEN_DAY,
                low=0.2,
                high=5,
            ),
            within(
                "calls_cost_plausible_yuan",
                "cost",
                0,
                DEAREST_CALL_CNY,
                "A price by the million tokens taken for one by the token.",
            ),
            steady_ratio(
                "call_costs_are_usual",
                scope,
                "cost",
                "1",
                "Another currency or unit from one day on: cents for yuan.",
                day=WRITTEN_DAY,
                low=0.2,
                high=5,
            ),
            steady_ratio(
                "call_costs_keep_their_digits",
                scope,
                "case when cost <> round(cost, 2) then 1 else 0 end",
                "1",
                "Costs rounded to whole fen at each call: most would be free.",
                day=WRITTEN_DAY,
                low=0.5,
            ),
            steady_ratio(
                "calls_tell_their_tokens",
                scope,
                "case when tokens is null then 1 else 0 end",
                "1",
                "Usage fields that a provider renamed: nothing would be counted or billed.",
                day=WRITTEN_DAY,
                high=3,
                slack=0.1,
            ),
            steady_ratio(
                "calls_go_on_in_the_evening",
                scope,
                "case when extract(hour from created_at) >= 18 then 1 else 0 end",
                "1",
                "An export that stops at noon, which a day's total can hide.",
                day=WRITTEN_DAY,
                low=0.25,
            ),
            steady_ratio(
                "call_failures_are_usual",
                scope,
                "case when status_code >= 400 then 1 else 0 end",
                "1",
                "Status codes mapped wrongly, or an outage that nobody has reported yet.",
                day=WRITTEN_DAY,
                high=3,
                slack=0.1,
            ),
            rule(
                "calls_have_an_http_status",
                ["status_code"],
                "status_code < 100 or status_code > 599",
                "An error number in the place of a status code (RFC 9110: 100-599).",
            ),
            not_negative(
                "calls_have_sizes",
                ["request_size", "response_size", "retry_count"],
                "Sizes beyond 2 GiB that wrapped round, or -1 for unknown.",
            ),
            same_tenant(
                "calls_stay_with_their_agents_tenant",
                scope,
                "agent_id",
                AGENTS,
                "One tenant's calls on another one's bill.",
            ),
        ],
    )


def dispatch_logs(scope: Scope) -> Product:
    """One row per dispatch decision; read are the last weeks."""
    return Product(
        DATABASE,
        "ai_dispatch_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "dispatches_are_steady",
                scope,
                "1",
                "A lost, doubled or partial day of the dispatcher's log.",
                day=WRITTEN_DAY,
                least=50,
            ),
            not_ahead(
                "dispatches_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A dispatcher whose clock runs ahead.",
            ),
            rule(
                "dispatches_take_milliseconds",
                ["queue_wait_time_ms", "dispatch_time_ms", "total_time_ms"],
                f"queue_wait_time_ms < 0 or dispatch_time_ms < 0 or total_time_ms < 0 "
                f"or total_time_ms > {SLOWEST_DISPATCH_MS}",
                "Seconds or microseconds for milliseconds.",
            ),
            rule(
                "dispatches_last_as_long_as_their_parts",
                ["queue_wait_time_ms", "dispatch_time_ms", "total_time_ms"],
                f"total_time_ms < queue_wait_time_ms + dispatch_time_ms - {ROUNDING}",
                "Swapped times, or one in another unit than the others.",
                "total at least wait and dispatch",
            ),
            steady_ratio(
                "dispatch_times_are_usual",
                scope,
                "dispatch_time_ms",
                "case when dispatch_time_ms is not null then 1 else 0 end",
                "A unit that changed on one day.",
                day=WRITTEN_DAY,
                low=0.2,
                high=5,
                least=40,
            ),
            steady_mix(
                "dispatches_end_as_usual",
                scope,
                "dispatch_status",
                "Results mapped wrongly, or no platform left to choose.",
                day=WRITTEN_DAY,
                least=40,
            ),
            same_tenant(
                "dispatches_stay_with_their_agents_tenant",
                scope,
                "agent_id",
                AGENTS,
                "One tenant's requests counted for another.",
            ),
        ],
    )


def conversations(scope: Scope) -> Product:
    """One row per conversation; read are those begun in the last weeks."""
    return Product(
        DATABASE,
        "ai_conversations",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            not_ahead(
                "conversations_are_not_of_tomorrow",
                scope,
                ["created_at", "last_message_at"],
                "A clock that runs ahead: such a conversation never becomes idle.",
            ),
            in_order(
                "conversations_begin_before_their_last_message",
                ["created_at", "last_message_at"],
                "Swapped times, or a shifted zone in one of two columns.",
            ),
            within(
                "conversations_are_rated_on_five_points",
                "satisfaction_score",
                0,
                5,
                "Another scale of rating.",
            ),
            not_negative(
                "conversations_count_upwards",
                ["message_count", "total_tokens", "total_cost"],
                "A counter that wrapped round.",
            ),
            within(
                "conversations_are_answered_in_seconds",
                "avg_response_time",
                0,
                SLOWEST_CALL_SECONDS,
                "Milliseconds for seconds.",
            ),
            readable(
                "conversations_have_readable_titles",
                scope,
                ["title"],
                "Titles in a broken encoding in every list.",
            ),
            same_tenant(
                "conversations_stay_with_their_agents_tenant",
                scope,
                "agent_id",
                AGENTS,
                "One tenant's talks shown to another.",
            ),
        ],
    )


def messages(scope: Scope) -> Product:
    """One row per message of a conversation; read are the last weeks."""
    return Product(
        DATABASE,
        "ai_messages",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            not_ahead(
                "ai_messages_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            within(
                "ai_messages_are_answered_in_seconds",
                "response_time",
                0,
                SLOWEST_CALL_SECONDS,
                "Milliseconds for seconds.",
            ),
            within(
                "ai_messages_are_sure_at_a_share",
                "confidence",
                0,
                1,
                "A percentage for a share: everything would look certain.",
            ),
            rule(
                "ai_messages_are_scored_on_five_points",
                ["quality_score", "relevance_score"],
                "quality_score < 0 or quality_score > 5 or relevance_score < 0 "
                "or relevance_score > 5",
                "Another scale of the scores.",
            ),
            readable(
                "ai_messages_are_readable",
                scope,
                ["content"],
                "Texts cut within a character or decoded by the wrong table.",
            ),
            no_copies(
                "ai_messages_are_stored_once",
                scope,
                ["conversation_id", "role", "created_at", "response_time"],
                "A batch that was loaded twice under new identifiers.",
                day=WRITTEN_DAY,
            ),
            same_tenant(
                "ai_messages_stay_with_their_conversations_tenant",
                scope,
                "conversation_id",
                (DATABASE, "ai_conversations"),
                "What was said to one tenant shown to another.",
            ),
        ],
    )


def knowledge_bases(scope: Scope) -> Product:
    """One row per knowledge base."""
    return Product(
        DATABASE,
        "ai_knowledge_bases",
        expectations=[
            at_most(
                "knowledge_is_hit_at_most_as_often_as_asked",
                "hit_count",
                "query_count",
                "Swapped counters: a hit rate above 100.",
            ),
            within(
                "knowledge_relevance_is_a_share",
                "avg_relevance_score",
                0,
                1,
                "A percentage for a share.",
            ),
            rule(
                "knowledge_chunks_are_larger_than_their_overlap",
                ["chunk_size", "chunk_overlap"],
                "chunk_overlap >= chunk_size or chunk_size < 1",
                "Swapped settings, by which indexing never ends.",
            ),
            readable(
                "knowledge_has_readable_names",
                scope,
                ["kb_name"],
                "Names in a broken encoding in every list.",
            ),
        ],
    )


def documents(scope: Scope) -> Product:
    """One row per document of a knowledge base."""
    return Product(
        DATABASE,
        "ai_knowledge_documents",
        expectations=[
            at_most(
                "documents_are_hit_at_most_as_often_as_asked",
                "hit_count",
                "query_count",
                "Swapped counters.",
            ),
            not_negative(
                "documents_have_sizes",
                ["file_size", "chunk_count"],
                "Sizes that wrapped round, or -1 for unknown.",
            ),
            readable(
                "documents_have_readable_titles",
                scope,
                ["title"],
                "An agent would quote the broken encoding.",
            ),
            same_tenant(
                "documents_stay_with_their_bases_tenant",
                scope,
                "knowledge_base_id",
                (DATABASE, "ai_knowledge_bases"),
                "An agent that answers from another tenant's documents.",
            ),
        ],
    )


def tools(scope: Scope) -> Product:
    """One row per tool that agents can call."""
    return Product(
        DATABASE,
        "ai_tools",
        expectations=[
            at_most(
                "tools_succeed_at_most_as_often_as_used",
                "success_count",
                "usage_count",
                "Swapped counters: a success rate above 100.",
            ),
            within(
                "tools_take_seconds",
                "avg_execution_time",
                0,
                SLOWEST_CALL_SECONDS,
                "Milliseconds for seconds.",
            ),
        ],
    )


def agent_tools(scope: Scope) -> Product:
    """One row per agent and tool."""
    return Product(
        DATABASE,
        "ai_agent_tools",
        expectations=[
            rule(
                "agent_tools_count_what_they_did",
                ["invocation_count", "success_count", "error_count"],
                "success_count + error_count > invocation_count or error_count < 0",
                "Counters of another pair, or repeats counted twice.",
            ),
            same_tenant(
                "agent_tools_stay_with_their_tools_tenant",
                scope,
                "tool_id",
                (DATABASE, "ai_tools"),
                "An agent that calls another tenant's tool with its keys.",
            ),
        ],
    )


# --- outputs -------------------------------------------------------------------------------------


def agent_daily(scope: Scope) -> Product:
    """One row per tenant, agent and day with a call."""
    return Product(
        DATABASE,
        "ai_agent_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "agent_calls_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: agents would look unused.",
            ),
            steady_volume(
                "agent_calls_are_steady",
                scope,
                "calls",
                "A partial, missing or doubled day of calls in the statistics.",
            ),
            steady_ratio(
                "agent_call_costs_are_usual",
                scope,
                "cost_cny",
                "calls",
                "A price in another unit from one day on.",
                low=0.2,
                high=5,
            ),
            steady_ratio(
                "agent_call_tokens_are_usual",
                scope,
                "tokens",
                "calls",
                "Tokens read from another place of the answer, or counted twice.",
                low=0.2,
                high=4,
            ),
            *_rates("agent"),
        ],
    )


def platform_daily(scope: Scope) -> Product:
    """One row per tenant, platform and day with a call or a failover to it."""
    return Product(
        DATABASE,
        "ai_platform_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "platform_calls_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: an outage would not show.",
            ),
            steady_volume(
                "platform_calls_are_steady",
                scope,
                "calls",
                "A partial, missing or doubled day of calls in the statistics.",
            ),
            *_rates("platform"),
        ],
    )


def _rates(subject: str) -> list[Expectation]:
    """What agents and platforms have in common."""
    return [
        within(
            f"{subject}_daily_success_rate_is_a_percentage",
            "success_rate_pct",
            0,
            100,
            "A share taken for a percentage, or failures beyond the calls.",
        ),
        at_most(
            f"{subject}_daily_failures_are_calls",
            "failed_calls",
            "calls",
            "Swapped columns, or retries counted as failures of their own.",
        ),
        rule(
            f"{subject}_daily_success_rate_follows_from_counts",
            ["success_rate_pct", "calls", "failed_calls"],
            f"calls > 0 and abs(success_rate_pct - 100.0 * (calls - failed_calls) / calls) "
            f"> {ROUNDING}",
            "A rate of another day or tenant than its counts.",
        ),
        in_order(
            f"{subject}_daily_quantiles_are_in_order",
            ["p50_response_seconds", "p95_response_seconds"],
            "Quantiles of different calls, or swapped ones.",
        ),
        within(
            f"{subject}_daily_answers_in_plausible_seconds",
            "p95_response_seconds",
            0,
            SLOWEST_CALL_SECONDS,
            "Milliseconds shown as seconds.",
        ),
        not_negative(
            f"{subject}_daily_figures_are_not_negative",
            ["calls", "failed_calls", "tokens", "cost_cny", "response_seconds_sum"],
            "A sum that wrapped round, or refunds in the place of costs.",
        ),
    ]


def dispatch_daily(scope: Scope) -> Product:
    """One row per tenant, strategy type and day with a dispatch."""
    return Product(
        DATABASE,
        "ai_dispatch_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            in_order(
                "dispatch_waits_are_in_order",
                ["p50_queue_wait_ms", "p95_queue_wait_ms"],
                "Quantiles of different dispatches, or swapped ones.",
            ),
            in_order(
                "dispatch_quantiles_are_in_order",
                ["p50_dispatch_ms", "p95_dispatch_ms"],
                "Quantiles of different dispatches, or swapped ones.",
            ),
            at_most(
                "dispatch_failovers_are_dispatches",
                "failovers",
                "dispatches",
                "A join that multiplies dispatches by the platforms tried.",
            ),
        ],
    )


def conversation_daily(scope: Scope) -> Product:
    """One row per tenant, agent and day on which a conversation began."""
    return Product(
        DATABASE,
        "ai_conversation_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            rule(
                "started_conversations_have_one_fate",
                ["started_conversations", "completed_conversations", "abandoned_conversations"],
                "completed_conversations + abandoned_conversations > started_conversations "
                "or archived_conversations > started_conversations",
                "A state that two columns count, or a join that multiplies conversations.",
            ),
            rule(
                "started_conversations_are_rated_once",
                ["rated_conversations", "avg_satisfaction_score"],
                "rated_conversations > started_conversations or avg_satisfaction_score < 0 "
                "or avg_satisfaction_score > 5 "
                "or (rated_conversations = 0 and avg_satisfaction_score is not null)",
                "Ratings of other conversations, or 0 where nobody rated.",
            ),
            at_most(
                "feedback_is_given_on_messages",
                "positive_feedback_count",
                "messages",
                "Feedback counted for each message of a conversation.",
            ),
        ],
    )


def agent_statistics(scope: Scope) -> Product:
    """One row per agent over its whole life: what is written back to the agents."""
    return Product(
        DATABASE,
        "ai_agent_statistics",
        expectations=[
            rule(
                "agent_figures_fit_their_scales",
                ["success_rate", "satisfaction_score", "avg_response_time"],
                "success_rate < 0 or success_rate > 100 or satisfaction_score < 0 "
                f"or satisfaction_score > 5 or avg_response_time < 0 "
                f"or avg_response_time > {SLOWEST_CALL_SECONDS}",
                "Another scale or unit, which goes to the agents' own rows next.",
                "a percentage, five points and seconds",
            ),
            not_negative(
                "agent_figures_are_not_negative",
                ["conversation_count", "message_count", "total_tokens", "total_cost"],
                "A sum that wrapped round, which goes to the agents' own rows next.",
            ),
            rule(
                "agent_figures_need_conversations",
                ["conversation_count", "message_count", "total_tokens"],
                "conversation_count = 0 and (message_count > 0 or total_tokens > 0)",
                "Messages of other agents' conversations: a join on too little.",
            ),
            no_rows(
                "agent_figures_do_not_vanish",
                ["conversation_count"],
                "An empty or partial input: every agent's figures would be written back as 0.",
                """
                , counted as (
                    select count(*) as agents, sum(conversation_count) as conversations
                    from checked
                )
                select 1 as expected, coalesce(conversations, 0) as got from counted
                where agents = 0 or coalesce(conversations, 0) = 0
                """,
                "agents, and conversations of theirs",
            ),
        ],
    )


def platform_metrics(scope: Scope) -> Product:
    """One row per tenant, platform, metric and window; read are the checked days."""
    return Product(
        DATABASE,
        "ai_platform_metrics",
        where=scope.since("recorded_at", REBUILT_DAYS),
        day="cast(recorded_at as date)",
        expectations=[
            not_negative(
                "platform_metrics_are_not_negative",
                ["metric_value"],
                "A sum that wrapped round, on the platform's dashboard.",
            ),
            rule(
                "platform_metrics_fit_their_scales",
                ["metric_type", "metric_value"],
                "metric_type in ('availability', 'error_rate', 'success_rate') "
                "and metric_value > 100",
                "A numerator beyond its whole.",
                "a percentage",
            ),
            not_ahead(
                "platform_metrics_are_not_of_tomorrow",
                scope,
                ["recorded_at"],
                "Windows of another time zone.",
            ),
        ],
    )


def calls(scope: Scope) -> Product:
    """One row per call of the checked days."""
    return Product(
        "warehouse",
        "fct_ai_calls",
        where=scope.since("created_at", 7),
        day="call_date",
        expectations=[
            rule(
                "call_facts_are_of_their_day",
                ["call_date", "created_at"],
                "call_date <> cast(created_at as date)",
                "Days by another time zone than Asia/Shanghai.",
            ),
            rule(
                "call_tokens_add_up",
                ["prompt_tokens", "completion_tokens", "total_tokens"],
                "prompt_tokens < 0 or completion_tokens < 0 "
                "or total_tokens < prompt_tokens + completion_tokens",
                "Tokens of another call, or one part read in the place of the total.",
            ),
        ],
    )


def conversation_facts(scope: Scope) -> Product:
    """One row per conversation begun in the last weeks."""
    return Product(
        "warehouse",
        "fct_conversations",
        where=f"conversation_date >= {scope.day(HISTORY_DAYS)}",
        day="conversation_date",
        expectations=[
            not_negative(
                "conversations_take_time",
                ["first_answer_seconds", "duration_seconds", "cost_cny"],
                "Swapped times, or an answer of another conversation.",
            ),
            in_order(
                "conversations_answer_after_they_begin",
                ["created_at", "first_answer_at"],
                "A shifted zone in one of two tables.",
            ),
        ],
    )


def scorecard(scope: Scope) -> Product:
    """One row per agent: its last 30 days beside its whole life."""
    return Product(
        "warehouse",
        "agent_scorecard",
        expectations=[
            rule(
                "scorecard_rates_are_percentages",
                [
                    "call_success_rate_pct",
                    "abandonment_rate_pct",
                    "answer_success_rate_pct",
                    "dispatch_success_rate_pct",
                ],
                " or ".join(
                    f"{column} < 0 or {column} > 100"
                    for column in (
                        "call_success_rate_pct",
                        "abandonment_rate_pct",
                        "answer_success_rate_pct",
                        "dispatch_success_rate_pct",
                    )
                ),
                "A numerator of other days than its whole.",
                "percentages",
            ),
            rule(
                "scorecard_month_is_part_of_life",
                ["started_conversations", "lifetime_conversations", "active_days"],
                "started_conversations > lifetime_conversations or active_days > 31",
                "Thirty days that hold more than the whole life: a window that never closes.",
            ),
        ],
    )
