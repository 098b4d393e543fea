-- Requests of each closed day that a build touches are the source's, counted once in the day's window and
-- once in the hours'; each window has all six metrics, and successes and errors make up a hundred. Keys
-- and ranges would pass a window cut in the wrong hour, or a metric lost for some platforms.
with metrics as (

    select
        tenant_id,
        platform_id,
        {{ business_date('recorded_at') }} as stat_date,
        recorded_at,
        time_window,
        metric_type,
        metric_value,
        {{ json_number('labels', '$.requests', 'bigint') }} as requests
    from {{ ref('ai_platform_metrics') }}
    where recorded_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and recorded_at < {{ as_of_date() }}

),

time_windows as (

    select
        tenant_id,
        platform_id,
        stat_date,
        recorded_at,
        time_window,
        max(requests) as requests,
        case
            when count(*) <> 6
                or min(requests) <> max(requests)
                -- two halves that are both rounded up
                or sum(case when metric_type in ('success_rate', 'error_rate') then metric_value end)
                not between 100 and 100.000001
                then 1
            else 0
        end as is_broken
    from metrics
    group by
        tenant_id,
        platform_id,
        stat_date,
        recorded_at,
        time_window

),

counted as (

    select
        tenant_id,
        platform_id,
        stat_date,
        case when time_window = '1h' then requests else 0 end as hourly_requests,
        case when time_window = '1d' then requests else 0 end as daily_requests,
        is_broken
    from time_windows

    union all

    select
        tenant_id,
        platform_id,
        {{ business_date('created_at') }} as stat_date,
        -count(*) as hourly_requests,
        -count(*) as daily_requests,
        0 as is_broken
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
        and platform_id is not null
    group by
        tenant_id,
        platform_id,
        {{ business_date('created_at') }}

)

select
    tenant_id,
    platform_id,
    stat_date,
    sum(hourly_requests) as hourly_requests_too_many,
    sum(daily_requests) as daily_requests_too_many,
    sum(is_broken) as broken_windows
from counted
group by
    tenant_id,
    platform_id,
    stat_date
having sum(hourly_requests) <> 0
    or sum(daily_requests) <> 0
    or sum(is_broken) <> 0
