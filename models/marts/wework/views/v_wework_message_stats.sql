-- One row per tenant, account, business day, direction, message type and send status with a message
-- in the last 30 days, as_of's day included. The means must not be summed or averaged over rows.

with messages as (

    select
        tenant_id,
        account_id,
        {{ business_date('created_at') }} as message_date,
        direction,
        message_type,
        send_status,
        processing_time_ms,
        response_time_ms
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ add_days(as_of_date(), -29) }}
        and created_at < {{ add_days(as_of_date(), 1) }}

)

select
    tenant_id,
    account_id,
    message_date,
    direction,
    message_type,
    send_status,
    count(*) as message_count,
    {{ exact_avg('processing_time_ms', 2) }} as avg_processing_time,
    {{ exact_avg('response_time_ms', 2) }} as avg_response_time
from messages
group by
    tenant_id,
    account_id,
    message_date,
    direction,
    message_type,
    send_status
