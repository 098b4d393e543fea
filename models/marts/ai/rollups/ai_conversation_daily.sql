-- One row per tenant, agent and business day on which a conversation began; messages and feedback are
-- those of these conversations, whenever they were written. States are the ones known when the row was
-- last built: conversations end, and are archived, within 35 days. Counts may be summed; the mean may
-- only be weighted by rated_conversations.
{{ config(window_column='stat_date', lookback_days=35) }}

with conversations as (

    select
        conversation_record_id,
        tenant_id,
        agent_id,
        {{ business_date('created_at') }} as stat_date,
        status,
        satisfaction_score
    from {{ ref('stg_ai__conversations') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

conversation_figures as (

    select
        tenant_id,
        agent_id,
        stat_date,
        count(*) as started_conversations,
        {{ count_if("status = 'completed'") }} as completed_conversations,
        {{ count_if("status in ('idle', 'expired', 'error')") }} as abandoned_conversations,
        {{ count_if("status = 'archived'") }} as archived_conversations,
        count(satisfaction_score) as rated_conversations,
        {{ exact_avg('satisfaction_score', 2) }} as avg_satisfaction_score
    from conversations
    group by
        tenant_id,
        agent_id,
        stat_date

),

message_figures as (

    select
        conversations.tenant_id,
        conversations.agent_id,
        conversations.stat_date,
        count(*) as messages,
        {{ count_if("messages.user_feedback = 'positive'") }} as positive_feedback_count,
        {{ count_if("messages.user_feedback = 'negative'") }} as negative_feedback_count,
        {{ count_if("messages.user_feedback = 'neutral'") }} as neutral_feedback_count
    from conversations
    inner join {{ ref('stg_ai__messages') }} as messages
        on messages.conversation_record_id = conversations.conversation_record_id
    group by
        conversations.tenant_id,
        conversations.agent_id,
        conversations.stat_date

)

select
    conversation_figures.tenant_id,
    conversation_figures.agent_id,
    conversation_figures.stat_date,
    conversation_figures.started_conversations,
    conversation_figures.completed_conversations,
    conversation_figures.abandoned_conversations,
    conversation_figures.archived_conversations,
    coalesce(message_figures.messages, 0) as messages,
    conversation_figures.rated_conversations,
    conversation_figures.avg_satisfaction_score,
    coalesce(message_figures.positive_feedback_count, 0) as positive_feedback_count,
    coalesce(message_figures.negative_feedback_count, 0) as negative_feedback_count,
    coalesce(message_figures.neutral_feedback_count, 0) as neutral_feedback_count
from conversation_figures
left join message_figures
    on message_figures.tenant_id = conversation_figures.tenant_id
        and message_figures.agent_id = conversation_figures.agent_id
        and message_figures.stat_date = conversation_figures.stat_date
