-- One row per message of an account, without content and names. A group message is there once for every
-- account in the group: do not add accounts up to count what was written. Receipts still arrive for days,
-- so a week is rebuilt.
{{ config(materialized='window', window_column='created_at', lookback_days=7, refresh_by_month=true) }}

with messages as (

    select
        message_record_id,
        tenant_id,
        account_id,
        message_id,
        conversation_id,
        template_id,
        campaign_id,
        direction,
        message_type,
        from_type,
        from_id,
        to_type,
        to_id,
        send_status,
        error_code,
        priority,
        retry_count,
        processing_time_ms,
        response_time_ms,
        scheduled_at,
        sent_at,
        delivered_at,
        read_at,
        recalled_at,
        created_at
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

with_counterpart_side as (

    select
        messages.*,
        -- in a group chat the group is the other side, whoever speaks
        case
            when to_type = 'group' then 'to'
            when from_type = 'group' then 'from'
            when direction = 'send' then 'to'
            else 'from'
        end as counterpart_side
    from messages

),

with_counterpart as (

    select
        with_counterpart_side.*,
        case when counterpart_side = 'to' then to_type else from_type end as counterpart_type,
        case when counterpart_side = 'to' then to_id else from_id end as counterpart_id
    from with_counterpart_side

)

select
    message_record_id,
    tenant_id,
    account_id,
    message_id,
    conversation_id,
    template_id,
    campaign_id,
    {{ business_date('created_at') }} as message_date,
    direction,
    message_type,
    from_type,
    {{ mask_hash('from_id') }} as from_key,
    to_type,
    {{ mask_hash('to_id') }} as to_key,
    counterpart_type,
    {{ mask_hash("concat(account_id, ':', counterpart_type, ':', counterpart_id)") }} as counterpart_key,
    (to_type = 'group' or from_type = 'group') as is_group_message,
    send_status,
    error_code,
    priority,
    retry_count,
    processing_time_ms,
    response_time_ms,
    scheduled_at,
    sent_at,
    delivered_at,
    read_at,
    recalled_at,
    {{ seconds_between('sent_at', 'delivered_at') }} as delivery_seconds,
    {{ seconds_between('sent_at', 'read_at') }} as read_seconds,
    created_at
from with_counterpart
