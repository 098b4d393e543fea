-- The view's counts are those of all conversations that are not archived, tenant by tenant: an agent's
-- name, a state nobody thought of or a NULL in it must not take any out.
with counted as (

    select
        tenant_id,
        sum(conversation_count) as conversations
    from {{ ref('v_conversation_stats') }}
    group by tenant_id

    union all

    select
        tenant_id,
        -count(*) as conversations
    from {{ ref('stg_ai__conversations') }}
    where coalesce(status, 'none') <> 'archived'
        and created_at is not null
    group by tenant_id

)

select
    tenant_id,
    sum(conversations) as conversations_too_many
from counted
group by tenant_id
having sum(conversations) <> 0
