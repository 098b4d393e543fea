-- Calls, failures, seconds and cost of each closed day that a build touches are the source's, per tenant
-- and in both cuts: a call joined twice, or lost with its agent or platform, shows only in such sums.
with counted as (

    select
        tenant_id,
        stat_date,
        calls as agent_calls,
        failed_calls as agent_failures,
        response_seconds_sum as agent_seconds,
        cost_cny as agent_cost,
        0 as platform_calls,
        0 as platform_failures,
        0 as platform_seconds,
        0 as platform_cost
    from {{ ref('ai_agent_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        stat_date,
        0 as agent_calls,
        0 as agent_failures,
        0 as agent_seconds,
        0 as agent_cost,
        calls as platform_calls,
        failed_calls as platform_failures,
        response_seconds_sum as platform_seconds,
        cost_cny as platform_cost
    from {{ ref('ai_platform_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        -count(agent_id) as agent_calls,
        -{{ count_if('agent_id is not null and (status_code >= 400 or error_code is not null)') }}
            as agent_failures,
        -{{ sum_if('response_seconds', 'agent_id is not null') }} as agent_seconds,
        -{{ sum_if('cost_cny', 'agent_id is not null') }} as agent_cost,
        -count(platform_id) as platform_calls,
        -{{ count_if('platform_id is not null and (status_code >= 400 or error_code is not null)') }}
            as platform_failures,
        -{{ sum_if('response_seconds', 'platform_id is not null') }} as platform_seconds,
        -{{ sum_if('cost_cny', 'platform_id is not null') }} as platform_cost
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

)

select
    tenant_id,
    stat_date,
    sum(agent_calls) as agent_calls_too_many,
    sum(platform_calls) as platform_calls_too_many
from counted
group by
    tenant_id,
    stat_date
having sum(agent_calls) <> 0
    or sum(agent_failures) <> 0
    or sum(agent_seconds) <> 0
    or sum(agent_cost) <> 0
    or sum(platform_calls) <> 0
    or sum(platform_failures) <> 0
    or sum(platform_seconds) <> 0
    or sum(platform_cost) <> 0
