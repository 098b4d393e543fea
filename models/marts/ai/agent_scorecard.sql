-- One row per agent: what it did in the last 30 business days, the running one included, beside its whole
-- life. Counts, tokens and cost may be summed over agents; rates, means and scores must be computed again
-- from them. Other stretches of days come from ai_agent_daily.
{{ config(primary_key=['agent_id'], indexes=[['tenant_id', 'agent_id']]) }}

with agents as (

    select
        agent_id,
        tenant_id,
        agent_name,
        agent_type,
        status,
        version
    from {{ ref('dim_agents') }}

),

call_figures as (

    select
        agent_id,
        count(distinct stat_date) as active_days,
        sum(calls) as calls,
        sum(failed_calls) as failed_calls,
        sum(response_seconds_sum) as response_seconds_sum,
        sum(tokens) as call_tokens,
        sum(cost_cny) as call_cost_cny
    from {{ ref('ai_agent_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -29) }}
        and stat_date < {{ add_days(as_of_date(), 1) }}
    group by agent_id

),

conversation_figures as (

    select
        agent_id,
        count(*) as started_conversations,
        count(distinct user_key) as users,
        {{ count_if("status = 'completed'") }} as completed_conversations,
        {{ count_if('is_abandoned') }} as abandoned_conversations,
        sum(messages) as messages,
        sum(answers) as answers,
        sum(failed_answers) as failed_answers,
        count(satisfaction_score) as rated_conversations,
        {{ exact_avg('satisfaction_score', 2) }} as avg_satisfaction_score,
        sum(positive_feedback_count) as positive_feedback_count,
        sum(negative_feedback_count) as negative_feedback_count
    from {{ ref('fct_conversations') }}
    where created_at >= {{ add_days(as_of_date(), -29) }}
        and created_at < {{ add_days(as_of_date(), 1) }}
    group by agent_id

),

dispatch_figures as (

    select
        agent_id,
        count(*) as dispatches,
        {{ count_if("dispatch_status = 'success'") }} as successful_dispatches,
        {{ count_if('is_failover') }} as failovers
    from {{ ref('fct_dispatches') }}
    where created_at >= {{ add_days(as_of_date(), -29) }}
        and created_at < {{ add_days(as_of_date(), 1) }}
    group by agent_id

),

lifetime as (

    select
        agent_id,
        conversation_count,
        message_count,
        total_tokens,
        total_cost,
        avg_response_time,
        success_rate,
        satisfaction_score,
        last_used_at
    from {{ ref('ai_agent_statistics') }}

)

select
    agents.agent_id,
    agents.tenant_id,
    agents.agent_name,
    agents.agent_type,
    agents.status,
    agents.version,
    {{ add_days(as_of_date(), -29) }} as period_start_date,
    {{ as_of_date() }} as period_end_date,
    coalesce(call_figures.active_days, 0) as active_days,
    coalesce(call_figures.calls, 0) as calls,
    coalesce(call_figures.failed_calls, 0) as failed_calls,
    {{ percentage('call_figures.calls - call_figures.failed_calls', 'call_figures.calls') }}
        as call_success_rate_pct,
    {{ exact_divide('call_figures.response_seconds_sum', 'call_figures.calls', 3) }}
        as avg_call_response_seconds,
    coalesce(call_figures.call_tokens, 0) as call_tokens,
    coalesce(call_figures.call_cost_cny, 0) as call_cost_cny,
    {{ exact_divide('call_figures.call_cost_cny', 'call_figures.calls', 6) }} as avg_call_cost_cny,
    coalesce(conversation_figures.started_conversations, 0) as started_conversations,
    coalesce(conversation_figures.users, 0) as users,
    coalesce(conversation_figures.completed_conversations, 0) as completed_conversations,
    coalesce(conversation_figures.abandoned_conversations, 0) as abandoned_conversations,
    {{ percentage(
        'conversation_figures.abandoned_conversations',
        'conversation_figures.started_conversations'
    ) }} as abandonment_rate_pct,
    coalesce(conversation_figures.messages, 0) as messages,
    {{ exact_divide('conversation_figures.messages', 'conversation_figures.started_conversations', 2) }}
        as avg_conversation_messages,
    coalesce(conversation_figures.answers, 0) as answers,
    coalesce(conversation_figures.failed_answers, 0) as failed_answers,
    {{ percentage(
        'conversation_figures.answers - conversation_figures.failed_answers',
        'conversation_figures.answers'
    ) }} as answer_success_rate_pct,
    coalesce(conversation_figures.rated_conversations, 0) as rated_conversations,
    conversation_figures.avg_satisfaction_score,
    coalesce(conversation_figures.positive_feedback_count, 0) as positive_feedback_count,
    coalesce(conversation_figures.negative_feedback_count, 0) as negative_feedback_count,
    coalesce(dispatch_figures.dispatches, 0) as dispatches,
    {{ percentage('dispatch_figures.successful_dispatches', 'dispatch_figures.dispatches') }}
        as dispatch_success_rate_pct,
    coalesce(dispatch_figures.failovers, 0) as failovers,
    coalesce(lifetime.conversation_count, 0) as lifetime_conversations,
    coalesce(lifetime.message_count, 0) as lifetime_answers,
    coalesce(lifetime.total_tokens, 0) as lifetime_tokens,
    coalesce(lifetime.total_cost, 0) as lifetime_cost_cny,
    lifetime.avg_response_time as avg_lifetime_response_seconds,
    lifetime.success_rate as lifetime_success_rate_pct,
    lifetime.satisfaction_score as avg_lifetime_satisfaction_score,
    lifetime.last_used_at
from agents
left join call_figures
    on call_figures.agent_id = agents.agent_id
left join conversation_figures
    on conversation_figures.agent_id = agents.agent_id
left join dispatch_figures
    on dispatch_figures.agent_id = agents.agent_id
left join lifetime
    on lifetime.agent_id = agents.agent_id
