-- Fact and statistics table count the same dispatches, outcomes and failovers of each closed day, under
-- the same strategy types: they are built side by side from the same log, and must not drift apart.
with counted as (

    select
        tenant_id,
        strategy_type,
        dispatch_date,
        count(*) as dispatches,
        {{ count_if("dispatch_status = 'success'") }} as successes,
        {{ count_if('is_failover') }} as failovers
    from {{ ref('fct_dispatches') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, strategy_type, dispatch_date

    union all

    select
        tenant_id,
        strategy_type,
        stat_date as dispatch_date,
        -dispatches as dispatches,
        -successful_dispatches as successes,
        -failovers as failovers
    from {{ ref('ai_dispatch_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

)

select
    tenant_id,
    strategy_type,
    dispatch_date,
    sum(dispatches) as dispatches_too_many
from counted
group by tenant_id, strategy_type, dispatch_date
having sum(dispatches) <> 0
    or sum(successes) <> 0
    or sum(failovers) <> 0
