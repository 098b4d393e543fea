-- One row per account, over its whole life but for the uptime, which is of the last 30 business days, the
-- running one included. Operations write changed figures back to wework_accounts every hour; the columns
-- bear its names. Messages and hours may be summed over accounts; rates and means may not.
{{ config(materialized='table', primary_key=['account_id'], indexes=[['tenant_id', 'account_id']]) }}

with accounts as (

    select
        account_id,
        tenant_id
    from {{ ref('stg_wework__accounts') }}

),

message_figures as (

    select
        account_id,
        sum(send_total + received_count) as total_messages,
        sum(sent_count) as successful_messages,
        sum(failed_count) as failed_messages,
        {{ exact_divide('sum(response_ms_sum)', '(1000 * sum(response_count))', 3) }} as avg_message_response_time,
        {{ percentage('sum(sent_count)', 'sum(send_total)') }} as message_success_rate
    from {{ ref('wework_account_daily') }}
    group by account_id

),

online_figures as (

    select
        account_id,
        {{ sum_if('seconds', "status = 'ONLINE'") }} as online_seconds,
        {{ sum_if('seconds', "status = 'ONLINE' and stat_date >= " ~ add_days(as_of_date(), -29)) }}
            as recent_online_seconds,
        {{ sum_if('seconds', 'stat_date >= ' ~ add_days(as_of_date(), -29)) }} as recent_seconds
    from {{ ref('wework_account_status_daily') }}
    group by account_id

)

select
    accounts.account_id,
    accounts.tenant_id,
    coalesce(message_figures.total_messages, 0) as total_messages,
    coalesce(message_figures.successful_messages, 0) as successful_messages,
    coalesce(message_figures.failed_messages, 0) as failed_messages,
    message_figures.avg_message_response_time,
    message_figures.message_success_rate,
    {{ exact_divide('coalesce(online_figures.online_seconds, 0)', '3600', 2) }} as online_duration_hours,
    {{ percentage('online_figures.recent_online_seconds', 'online_figures.recent_seconds') }} as uptime_percentage
from accounts
left join message_figures
    on message_figures.account_id = accounts.account_id
left join online_figures
    on online_figures.account_id = accounts.account_id
