-- Closed days of the lookback: callbacks and response seconds per tenant, type and day equal the
-- source's, and the four outcomes make up all of them (a fifth outcome would vanish unseen).
with counted as (

    select
        tenant_id,
        callback_type,
        stat_date,
        received_callbacks as mart_rows,
        successful_callbacks + failed_callbacks + timed_out_callbacks + ignored_callbacks as mart_outcomes,
        response_seconds_sum as mart_seconds,
        0 as source_rows,
        0 as source_seconds
    from {{ ref('callback_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        callback_type,
        {{ business_date('created_at') }} as stat_date,
        0 as mart_rows,
        0 as mart_outcomes,
        0 as mart_seconds,
        count(*) as source_rows,
        coalesce(sum(response_seconds), 0) as source_seconds
    from {{ ref('stg_wework__callback_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, callback_type, {{ business_date('created_at') }}

)

select
    tenant_id,
    callback_type,
    stat_date,
    sum(mart_rows) as mart_rows,
    sum(source_rows) as source_rows
from counted
group by tenant_id, callback_type, stat_date
having sum(mart_rows) <> sum(source_rows)
    or sum(mart_outcomes) <> sum(source_rows)
    or sum(mart_seconds) <> sum(source_seconds)
