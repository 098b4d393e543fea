-- One row per conversation, in its present state, without title, content and names. Messages, answers and
-- tokens are counted from the messages themselves, whatever the conversation's own counters say; they and
-- the cost may be summed, seconds and scores may not.
{{ config(
    primary_key=['conversation_record_id'],
    indexes=[['agent_id', 'created_at'], ['tenant_id', 'conversation_date'], ['user_key']]
) }}

with conversations as (

    select
        conversation_record_id,
        tenant_id,
        conversation_id,
        agent_id,
        user_id,
        primary_platform_id,
        status,
        total_cost_cny,
        satisfaction_score,
        last_message_at,
        expires_at,
        created_at,
        updated_at
    from {{ ref('stg_ai__conversations') }}

),

messages as (

    select
        conversation_record_id,
        message_role,
        response_seconds,
        user_feedback,
        {{ json_number('tokens', '$.total', 'bigint') }} as tokens,
        case when {{ json_is_present('error_info') }} then 1 else 0 end as is_failed,
        created_at
    from {{ ref('stg_ai__messages') }}

),

message_figures as (

    select
        conversation_record_id,
        count(*) as messages,
        {{ count_if("message_role = 'user'") }} as user_messages,
        {{ count_if("message_role = 'assistant'") }} as answers,
        {{ count_if("message_role = 'assistant' and is_failed = 1") }} as failed_answers,
        coalesce(sum(tokens), 0) as tokens,
        {{ exact_avg("case when message_role = 'assistant' then response_seconds end", 3) }}
            as avg_response_seconds,
        {{ count_if("user_feedback = 'positive'") }} as positive_feedback_count,
        {{ count_if("user_feedback = 'negative'") }} as negative_feedback_count,
        {{ count_if("user_feedback = 'neutral'") }} as neutral_feedback_count,
        min(case when message_role = 'assistant' then created_at end) as first_answer_at
    from messages
    group by conversation_record_id

)

select
    conversations.conversation_record_id,
    conversations.tenant_id,
    conversations.conversation_id,
    conversations.agent_id,
    {{ mask_hash('conversations.user_id') }} as user_key,
    conversations.primary_platform_id,
    {{ business_date('conversations.created_at') }} as conversation_date,
    conversations.status,
    (conversations.status in ('idle', 'expired', 'error')) as is_abandoned,
    coalesce(message_figures.messages, 0) as messages,
    coalesce(message_figures.user_messages, 0) as user_messages,
    coalesce(message_figures.answers, 0) as answers,
    coalesce(message_figures.failed_answers, 0) as failed_answers,
    coalesce(message_figures.tokens, 0) as total_tokens,
    coalesce(conversations.total_cost_cny, 0) as cost_cny,
    message_figures.avg_response_seconds,
    conversations.satisfaction_score,
    coalesce(message_figures.positive_feedback_count, 0) as positive_feedback_count,
    coalesce(message_figures.negative_feedback_count, 0) as negative_feedback_count,
    coalesce(message_figures.neutral_feedback_count, 0) as neutral_feedback_count,
    message_figures.first_answer_at,
    {{ seconds_between('conversations.created_at', 'message_figures.first_answer_at') }}
        as first_answer_seconds,
    conversations.last_message_at,
    {{ seconds_between('conversations.created_at', 'conversations.last_message_at') }} as duration_seconds,
    conversations.expires_at,
    conversations.created_at,
    conversations.updated_at
from conversations
left join message_figures
    on message_figures.conversation_record_id = conversations.conversation_record_id
