-- One row per account and business day with a message. The day is that of the message's created_at,
-- its state the one known when the row was last built: receipts arrive for days, so a week is rebuilt.
-- All counts may be summed over accounts and days; sent, failed, recalled and pending exclude each
-- other, delivered is part of sent, and read of delivered.
{{ config(window_column='stat_date', lookback_days=7, refresh_by_month=true) }}

with messages as (

    select
        tenant_id,
        account_id,
        {{ business_date('created_at') }} as stat_date,
        direction,
        send_status,
        error_code,
        response_time_ms
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

account_days as (

    select
        account_id,
        stat_date,
        min(tenant_id) as tenant_id,
        {{ count_if("direction = 'send'") }} as send_total,
        {{ count_if("direction = 'send' and send_status in ('sent', 'delivered', 'read')") }} as sent_count,
        {{ count_if("direction = 'send' and send_status in ('delivered', 'read')") }} as delivered_count,
        {{ count_if("direction = 'send' and send_status = 'read'") }} as read_count,
        {{ count_if("direction = 'send' and send_status = 'failed'") }} as failed_count,
        {{ count_if("direction = 'send' and send_status = 'recalled'") }} as recalled_count,
        {{ count_if("direction = 'send' and send_status = 'pending'") }} as pending_count,
        {{ count_if("direction = 'receive'") }} as received_count,
        {{ sum_if('response_time_ms', "direction = 'send'") }} as response_ms_sum,
        {{ count_if("direction = 'send' and response_time_ms is not null") }} as response_count
    from messages
    group by
        account_id,
        stat_date

),

failures as (

    select
        account_id,
        stat_date,
        {{ by_code_point("coalesce(error_code, 'unknown')") }} as error_code,
        count(*) as failed_count
    from messages
    where direction = 'send'
        and send_status = 'failed'
    group by
        account_id,
        stat_date,
        {{ by_code_point("coalesce(error_code, 'unknown')") }}

),

failures_by_code as (

    select
        account_id,
        stat_date,
        {{ json_object_agg('error_code', 'failed_count') }} as failures_by_code
    from failures
    group by
        account_id,
        stat_date

)

select
    account_days.account_id,
    account_days.tenant_id,
    account_days.stat_date,
    account_days.send_total,
    account_days.sent_count,
    account_days.delivered_count,
    account_days.read_count,
    account_days.failed_count,
    account_days.recalled_count,
    account_days.pending_count,
    account_days.received_count,
    account_days.response_ms_sum,
    account_days.response_count,
    coalesce(failures_by_code.failures_by_code, {{ json_object_of({}) }}) as failures_by_code
from account_days
left join failures_by_code
    on failures_by_code.account_id = account_days.account_id
        and failures_by_code.stat_date = account_days.stat_date
