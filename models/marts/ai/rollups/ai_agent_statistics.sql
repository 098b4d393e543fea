-- One row per agent, over its whole life: conversations of any state, and what the agent itself said in
-- them (assistant messages). Operations write changed figures back to ai_agents every hour; the columns
-- bear its names. Counts, tokens and cost may be summed over agents; means, rates and scores may not.
{{ config(materialized='table', primary_key=['agent_id'], indexes=[['tenant_id', 'agent_id']]) }}

with agents as (

    select
        agent_id,
        tenant_id
    from {{ ref('stg_ai__agents') }}

),

conversations as (

    select
        conversation_record_id,
        agent_id,
        total_cost_cny,
        satisfaction_score,
        last_message_at
    from {{ ref('stg_ai__conversations') }}

),

conversation_figures as (

    select
        agent_id,
        count(*) as conversation_count,
        coalesce(sum(total_cost_cny), 0) as total_cost,
        {{ exact_avg('satisfaction_score', 2) }} as satisfaction_score,
        max(last_message_at) as last_used_at
    from conversations
    group by agent_id

),

answers as (

    select
        conversations.agent_id,
        messages.response_seconds,
        {{ json_number('messages.tokens', '$.total', 'bigint') }} as tokens,
        case when {{ json_is_present('messages.error_info') }} then 0 else 1 end as is_good
    from {{ ref('stg_ai__messages') }} as messages
    inner join conversations
        on conversations.conversation_record_id = messages.conversation_record_id
    where messages.message_role = 'assistant'

),

answer_figures as (

    select
        agent_id,
        count(*) as message_count,
        coalesce(sum(tokens), 0) as total_tokens,
        {{ exact_avg('response_seconds', 3) }} as avg_response_time,
        {{ percentage('sum(is_good)', 'count(*)') }} as success_rate
    from answers
    group by agent_id

)

select
    agents.agent_id,
    agents.tenant_id,
    coalesce(conversation_figures.conversation_count, 0) as conversation_count,
    coalesce(answer_figures.message_count, 0) as message_count,
    coalesce(answer_figures.total_tokens, 0) as total_tokens,
    coalesce(conversation_figures.total_cost, 0) as total_cost,
    answer_figures.avg_response_time,
    answer_figures.success_rate,
    conversation_figures.satisfaction_score,
    conversation_figures.last_used_at
from agents
left join conversation_figures
    on conversation_figures.agent_id = agents.agent_id
left join answer_figures
    on answer_figures.agent_id = agents.agent_id
