-- Dispatches of each closed day that a build touches are the source's, their four outcomes make up all of
-- them (a fifth would vanish unseen), and a tenant's failovers are those its platforms received: two
-- tables that look at the same dispatches from both ends.
with counted as (

    select
        tenant_id,
        stat_date,
        dispatches,
        dispatches
        - successful_dispatches - failed_dispatches - timed_out_dispatches - no_platform_dispatches
            as lost_outcomes,
        failovers
    from {{ ref('ai_dispatch_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        stat_date,
        0 as dispatches,
        0 as lost_outcomes,
        -failovers_received as failovers
    from {{ ref('ai_platform_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        -count(*) as dispatches,
        0 as lost_outcomes,
        0 as failovers
    from {{ ref('stg_ai__dispatch_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

)

select
    tenant_id,
    stat_date,
    sum(dispatches) as dispatches_too_many,
    sum(lost_outcomes) as lost_outcomes,
    sum(failovers) as failovers_too_many
from counted
group by
    tenant_id,
    stat_date
having sum(dispatches) <> 0
    or sum(lost_outcomes) <> 0
    or sum(failovers) <> 0
