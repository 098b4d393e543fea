-- Every tenant with an account has one row for each closed day that a build touches, from its created
-- day on, and no other tenant has any: what a quiet day, a lost join or a fan-out would break.
with days as (

    select spine.date_day
    from ({{ day_spine(add_days(as_of_date(), -1 * var('lookback_days')), add_days(as_of_date(), -1)) }}) as spine

),

first_accounts as (

    select
        tenant_id,
        min(created_at) as created_at
    from {{ ref('stg_wework__accounts') }}
    group by tenant_id

),

expected as (

    select
        first_accounts.tenant_id,
        days.date_day as stat_date
    from first_accounts
    left join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = first_accounts.tenant_id
    inner join days
        on coalesce(tenants.created_at, first_accounts.created_at) < {{ day_start(add_days('days.date_day', 1)) }}

),

counted as (

    select
        tenant_id,
        stat_date,
        1 as expected_rows,
        0 as found_rows
    from expected

    union all

    select
        tenant_id,
        stat_date,
        0 as expected_rows,
        1 as found_rows
    from {{ ref('wework_tenant_usage') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

)

select
    tenant_id,
    stat_date,
    sum(expected_rows) as expected_rows,
    sum(found_rows) as found_rows
from counted
group by
    tenant_id,
    stat_date
having sum(expected_rows) <> sum(found_rows)
