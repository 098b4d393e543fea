-- Every tenant has one row in both daily tables for each closed day that a build touches, from its created
-- day on, and no tenant has any before: what a quiet day, a lost join or a fan-out would break.
with days as (

    select spine.date_day
    from ({{ day_spine(add_days(as_of_date(), -1 * var('lookback_days')), add_days(as_of_date(), -1)) }}) as spine

),

counted as (

    select
        tenants.tenant_id,
        days.date_day as usage_date,
        1 as expected_rows,
        0 as usage_rows,
        0 as security_rows
    from {{ ref('stg_core__tenants') }} as tenants
    inner join days
        on tenants.created_at < {{ day_start(add_days('days.date_day', 1)) }}

    union all

    select
        tenant_id,
        usage_date,
        0 as expected_rows,
        1 as usage_rows,
        0 as security_rows
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and usage_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        stat_date as usage_date,
        0 as expected_rows,
        0 as usage_rows,
        1 as security_rows
    from {{ ref('saas_security_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and stat_date < {{ as_of_date() }}

)

select
    tenant_id,
    usage_date,
    sum(expected_rows) as expected_rows,
    sum(usage_rows) as usage_rows,
    sum(security_rows) as security_rows
from counted
group by
    tenant_id,
    usage_date
having sum(expected_rows) <> sum(usage_rows)
    or sum(expected_rows) <> sum(security_rows)
