-- One row per dispatch decision. A request may be decided several times: count requests by distinct
-- request_id. Milliseconds may be summed with their rows, percentiles are to be taken from the rows.
{{ config(materialized='window', window_column='created_at') }}

with dispatches as (

    select
        dispatch_log_id,
        tenant_id,
        request_id,
        agent_id,
        strategy_id,
        selected_platform_id,
        final_platform_id,
        {{ is_failover() }} as is_failover,
        dispatch_status,
        error_code,
        response_status_code,
        {{ json_size('available_platforms') }} as candidate_platforms,
        retry_count,
        queue_wait_time_ms,
        dispatch_time_ms,
        total_time_ms,
        created_at
    from {{ ref('stg_ai__dispatch_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

strategies as (

    select
        strategy_id,
        strategy_type
    from {{ ref('stg_ai__scheduling_strategies') }}

)

select
    dispatches.dispatch_log_id,
    dispatches.tenant_id,
    dispatches.request_id,
    dispatches.agent_id,
    dispatches.strategy_id,
    coalesce(strategies.strategy_type, 'none') as strategy_type,
    {{ business_date('dispatches.created_at') }} as dispatch_date,
    dispatches.selected_platform_id,
    dispatches.final_platform_id,
    dispatches.is_failover,
    dispatches.dispatch_status,
    dispatches.error_code,
    dispatches.response_status_code,
    dispatches.candidate_platforms,
    dispatches.retry_count,
    dispatches.queue_wait_time_ms as queue_wait_ms,
    dispatches.dispatch_time_ms as dispatch_ms,
    dispatches.total_time_ms as total_ms,
    dispatches.created_at
from dispatches
left join strategies
    on strategies.strategy_id = dispatches.strategy_id
