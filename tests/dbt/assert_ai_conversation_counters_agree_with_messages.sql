-- The applications' views average the counter on a conversation's row, the statistics count its messages:
-- where they part, two pages show two numbers. Conversations of closed days without a message in the
-- running one; the counter is the application's, hence a warning.
{{ config(severity='warn', store_failures=true) }}

with conversations as (

    select
        conversation_record_id,
        tenant_id,
        coalesce(message_count, 0) as message_count
    from {{ ref('stg_ai__conversations') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
        and last_message_at < {{ as_of_date() }}

),

message_figures as (

    select
        conversations.conversation_record_id,
        count(*) as messages
    from conversations
    inner join {{ ref('stg_ai__messages') }} as messages
        on messages.conversation_record_id = conversations.conversation_record_id
    group by conversations.conversation_record_id

)

select
    conversations.tenant_id,
    conversations.conversation_record_id
from conversations
left join message_figures
    on message_figures.conversation_record_id = conversations.conversation_record_id
where conversations.message_count <> coalesce(message_figures.messages, 0)
