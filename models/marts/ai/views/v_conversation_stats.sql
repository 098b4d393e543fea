-- One row per tenant, agent and business day on which a conversation began that is not archived. Only
-- the count may be summed; archiving takes old conversations out, so a day's count falls over time.

with conversations as (

    select
        tenant_id,
        agent_id,
        {{ business_date('created_at') }} as conversation_date,
        message_count,
        total_tokens,
        total_cost_cny,
        avg_response_seconds,
        satisfaction_score
    from {{ ref('stg_ai__conversations') }}
    where (status <> 'archived' or status is null)
        and created_at is not null

)

select
    tenant_id,
    agent_id,
    conversation_date,
    count(*) as conversation_count,
    {{ exact_avg('message_count', 2) }} as avg_message_count,
    {{ exact_avg('total_tokens', 2) }} as avg_tokens,
    {{ exact_avg('total_cost_cny', 6) }} as avg_cost,
    {{ exact_avg('avg_response_seconds', 3) }} as avg_response_time,
    {{ exact_avg('satisfaction_score', 2) }} as avg_satisfaction_score
from conversations
group by
    tenant_id,
    agent_id,
    conversation_date
