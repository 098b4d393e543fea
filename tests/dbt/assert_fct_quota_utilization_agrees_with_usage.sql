-- On the days that a build touches amounts of a day are those of saas_usage_statistics, month amounts grow
-- from day to day by the day's, and no tenant has a row that its snapshot does not explain.
with utilization as (

    select
        tenant_id,
        usage_date,
        max(case when resource_type = 'api_calls' and usage_period = 'day' then usage_amount end) as calls,
        max(case when resource_type = 'api_calls' and usage_period = 'month' then usage_amount end)
            as calls_this_month,
        max(case when resource_type = 'storage_gb' then usage_amount end) as storage_gb
    from {{ ref('fct_quota_utilization_daily') }}
    where usage_date >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and usage_date <= {{ as_of_date() }}
    group by
        tenant_id,
        usage_date

),

quota_starts as (

    select
        tenant_id,
        min(dbt_valid_from) as first_known_at
    from {{ ref('snap_core__tenant_quotas') }}
    group by tenant_id

)

select
    utilization.tenant_id,
    utilization.usage_date,
    utilization.calls,
    utilization.calls_this_month,
    tenant_usage.api_calls,
    day_before.calls_this_month as calls_until_the_day_before
from utilization
left join quota_starts
    on quota_starts.tenant_id = utilization.tenant_id
left join {{ ref('saas_usage_statistics') }} as tenant_usage
    on tenant_usage.tenant_id = utilization.tenant_id
        and tenant_usage.usage_date = utilization.usage_date
left join utilization as day_before
    on day_before.tenant_id = utilization.tenant_id
        and day_before.usage_date = {{ add_days('utilization.usage_date', -1) }}
        and {{ month_start('day_before.usage_date') }} = {{ month_start('utilization.usage_date') }}
where quota_starts.first_known_at is null
    or quota_starts.first_known_at >= {{ day_start(add_days('utilization.usage_date', 1)) }}
    or tenant_usage.tenant_id is null
    or utilization.calls <> tenant_usage.api_calls
    or utilization.storage_gb <> tenant_usage.storage_used_gb
    or utilization.calls_this_month < tenant_usage.api_calls
    or utilization.calls_this_month <> day_before.calls_this_month + tenant_usage.api_calls
