-- One row per tenant, strategy type and business day with a dispatch; the type is today's, `none` where
-- no known strategy decided. The four outcomes make up all dispatches; failovers are part of any of
-- them. Counts may be summed, percentiles may not.
{{ config(window_column='stat_date') }}

with dispatches as (

    select
        dispatch_logs.tenant_id,
        coalesce(strategies.strategy_type, 'none') as strategy_type,
        {{ business_date('dispatch_logs.created_at') }} as stat_date,
        dispatch_logs.dispatch_status,
        case
            when {{ is_failover('dispatch_logs.selected_platform_id', 'dispatch_logs.final_platform_id') }}
                then 1
            else 0
        end as is_failover,
        dispatch_logs.queue_wait_time_ms as queue_wait_ms,
        dispatch_logs.dispatch_time_ms as dispatch_ms
    from {{ ref('stg_ai__dispatch_logs') }} as dispatch_logs
    left join {{ ref('stg_ai__scheduling_strategies') }} as strategies
        on strategies.strategy_id = dispatch_logs.strategy_id
    where dispatch_logs.created_at >= {{ window_start() }}
        and dispatch_logs.created_at < {{ window_end() }}

),

ranked_dispatches as (

    select
        dispatches.*,
        {{ percentile_columns('queue_wait_ms', ['tenant_id', 'strategy_type', 'stat_date']) }},
        {{ percentile_columns('dispatch_ms', ['tenant_id', 'strategy_type', 'stat_date']) }}
    from dispatches

)

select
    tenant_id,
    strategy_type,
    stat_date,
    count(*) as dispatches,
    {{ count_if("dispatch_status = 'success'") }} as successful_dispatches,
    {{ count_if("dispatch_status = 'failed'") }} as failed_dispatches,
    {{ count_if("dispatch_status = 'timeout'") }} as timed_out_dispatches,
    {{ count_if("dispatch_status = 'no_available_platform'") }} as no_platform_dispatches,
    sum(is_failover) as failovers,
    {{ percentile('queue_wait_ms', 50) }} as p50_queue_wait_ms,
    {{ percentile('queue_wait_ms', 95) }} as p95_queue_wait_ms,
    {{ percentile('dispatch_ms', 50) }} as p50_dispatch_ms,
    {{ percentile('dispatch_ms', 95) }} as p95_dispatch_ms
from ranked_dispatches
group by
    tenant_id,
    strategy_type,
    stat_date
