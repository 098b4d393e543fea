-- One row per tenant, account, business day, direction, message type and send status with a message. The
-- day is that of the message's created_at, its state the one known when the row was last built: receipts
-- arrive for days, so a week is rebuilt. All figures may be summed.
{{ config(window_column='stat_date', lookback_days=7, refresh_by_month=true) }}

with messages as (

    select
        tenant_id,
        account_id,
        {{ business_date('created_at') }} as stat_date,
        direction,
        message_type,
        coalesce(send_status, 'none') as send_status,
        processing_time_ms,
        response_time_ms
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

)

select
    tenant_id,
    account_id,
    stat_date,
    direction,
    message_type,
    send_status,
    count(*) as message_count,
    coalesce(sum(processing_time_ms), 0) as processing_ms_sum,
    count(processing_time_ms) as processing_count,
    coalesce(sum(response_time_ms), 0) as response_ms_sum,
    count(response_time_ms) as response_count
from messages
group by
    tenant_id,
    account_id,
    stat_date,
    direction,
    message_type,
    send_status
