-- Conversations begun on closed days are the source's, per tenant, with all their messages and all their
-- cost: a conversation joined twice with its messages, or lost without any, shows only here.
with counted as (

    select
        tenant_id,
        count(*) as conversations,
        sum(messages) as messages,
        sum(cost_cny) as cost_cny
    from {{ ref('fct_conversations') }}
    where created_at < {{ as_of_date() }}
    group by tenant_id

    union all

    select
        tenant_id,
        -count(*) as conversations,
        0 as messages,
        -sum(coalesce(total_cost_cny, 0)) as cost_cny
    from {{ ref('stg_ai__conversations') }}
    where created_at < {{ as_of_date() }}
    group by tenant_id

    union all

    select
        conversations.tenant_id,
        0 as conversations,
        -count(*) as messages,
        0 as cost_cny
    from {{ ref('stg_ai__messages') }} as messages
    inner join {{ ref('stg_ai__conversations') }} as conversations
        on conversations.conversation_record_id = messages.conversation_record_id
    where conversations.created_at < {{ as_of_date() }}
    group by conversations.tenant_id

)

select
    tenant_id,
    sum(conversations) as conversations_too_many,
    sum(messages) as messages_too_many
from counted
group by tenant_id
having sum(conversations) <> 0
    or sum(messages) <> 0
    or sum(cost_cny) <> 0
