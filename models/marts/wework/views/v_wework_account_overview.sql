-- One row per account. The counts are stocks of now, asked per account from its indexes, so that
-- one tenant's question never counts the others' rows.

with accounts as (

    select
        account_id,
        tenant_id,
        account_name,
        wework_guid,
        status,
        health_score,
        message_success_rate_pct,
        uptime_pct,
        total_messages,
        online_duration_hours,
        last_heartbeat_at,
        created_at
    from {{ ref('stg_wework__accounts') }}

)

select
    account_id as id,
    tenant_id,
    account_name,
    wework_guid,
    status,
    health_score,
    coalesce(message_success_rate_pct, 0) as message_success_rate,
    coalesce(uptime_pct, 0) as uptime_percentage,
    total_messages,
    online_duration_hours,
    (
        select count(*)
        from {{ ref('stg_wework__contacts') }} as contacts
        where contacts.account_id = accounts.account_id
            and contacts.status = 'normal'
    ) as contact_count,
    (
        select count(*)
        from {{ ref('stg_wework__groups') }} as chat_groups
        where chat_groups.account_id = accounts.account_id
            and chat_groups.status = 'active'
    ) as group_count,
    (
        select count(*)
        from {{ ref('stg_wework__conversations') }} as conversations
        where conversations.account_id = accounts.account_id
            and conversations.status = 'active'
    ) as conversation_count,
    (
        select count(*)
        from {{ ref('stg_wework__account_alerts') }} as alerts
        where alerts.account_id = accounts.account_id
            and alerts.status = 'open'
    ) as open_alerts,
    last_heartbeat_at as last_heartbeat_time,
    created_at
from accounts
