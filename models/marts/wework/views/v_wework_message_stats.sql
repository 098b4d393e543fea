-- One row per tenant, account, business day, direction, message type and send status with a message
-- in the last 30 days, as_of's day included. Days before the last one that was built are
-- wework_message_daily's, as that build found them; that day and later ones are counted from the
-- messages. The means must not be summed or averaged over rows.
{%- set days_shown = 30 -%}
{%- set first_day = add_days(as_of_date(), 1 - days_shown) -%}
{%- set end = add_days(as_of_date(), 1) %}

with last_build as (

    -- a table that does not reach back so far yet, after a backfill of some days say, counts for nothing
    select case when min(stat_date) <= {{ first_day }} then max(stat_date) else {{ first_day }} end as last_day
    from {{ ref('wework_message_daily') }}

),

-- day by day: MySQL then reads each one's rows, or those of a tenant, in a row; thirty constants and no
-- day_spine, which MySQL takes for thousands of days when it plans
built_days as (

    select days_back.stat_date
    from last_build
    inner join (
        select {{ add_days(first_day, 'numbers.n') }} as stat_date
        from ({{ number_rows(days_shown) }}) as numbers -- noqa: AL05
    ) as days_back
        on last_build.last_day > days_back.stat_date

),

-- joined, not compared with a subquery: MySQL then looks at created_at before it fetches the row
messages as (

    select
        messages.tenant_id,
        messages.account_id,
        {{ business_date('messages.created_at') }} as message_date,
        messages.direction,
        messages.message_type,
        messages.send_status,
        messages.processing_time_ms,
        messages.response_time_ms
    from last_build
    inner join {{ ref('stg_wework__message_records') }} as messages
        on messages.created_at >= last_build.last_day
    where messages.created_at >= {{ first_day }}
        and messages.created_at < {{ end }}

)

select
    days.tenant_id,
    days.account_id,
    days.stat_date as message_date,
    days.direction,
    days.message_type,
    nullif(days.send_status, 'none') as send_status,
    days.message_count,
    {{ exact_divide('days.processing_ms_sum', 'days.processing_count', 2) }} as avg_processing_time,
    {{ exact_divide('days.response_ms_sum', 'days.response_count', 2) }} as avg_response_time
from built_days
inner join {{ ref('wework_message_daily') }} as days
    on days.stat_date = built_days.stat_date
where days.stat_date >= {{ first_day }}
    and days.stat_date < {{ end }}

union all

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
