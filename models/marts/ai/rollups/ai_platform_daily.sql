-- One row per tenant, platform and business day with a call or a failover; the tenant is the call's,
-- which need not own the platform. Counts, seconds, tokens and cost may be summed; the rate and the
-- percentiles may not.
{{ config(window_column='stat_date') }}

with call_days as (

    select
        figures.tenant_id,
        figures.platform_id,
        figures.stat_date,
        figures.calls,
        figures.failed_calls,
        figures.response_seconds_sum,
        figures.p50_response_seconds,
        figures.p95_response_seconds,
        figures.tokens,
        figures.cost_cny
    from ({{ ai_calls_by_day('platform_id') }}) as figures

),

failover_days as (

    select
        tenant_id,
        final_platform_id as platform_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as failovers_received
    from {{ ref('stg_ai__dispatch_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
        and {{ is_failover() }}
    group by
        tenant_id,
        final_platform_id,
        {{ business_date('created_at') }}

),

-- a platform may take failovers on a day without a logged call
platform_days as (

    select
        tenant_id,
        platform_id,
        stat_date
    from call_days

    union distinct

    select
        tenant_id,
        platform_id,
        stat_date
    from failover_days

)

select
    platform_days.tenant_id,
    platform_days.platform_id,
    platform_days.stat_date,
    coalesce(call_days.calls, 0) as calls,
    coalesce(call_days.failed_calls, 0) as failed_calls,
    {{ percentage('call_days.calls - call_days.failed_calls', 'call_days.calls') }} as success_rate_pct,
    coalesce(call_days.response_seconds_sum, 0) as response_seconds_sum,
    call_days.p50_response_seconds,
    call_days.p95_response_seconds,
    coalesce(call_days.tokens, 0) as tokens,
    coalesce(call_days.cost_cny, 0) as cost_cny,
    coalesce(failover_days.failovers_received, 0) as failovers_received
from platform_days
left join call_days
    on call_days.tenant_id = platform_days.tenant_id
        and call_days.platform_id = platform_days.platform_id
        and call_days.stat_date = platform_days.stat_date
left join failover_days
    on failover_days.tenant_id = platform_days.tenant_id
        and failover_days.platform_id = platform_days.platform_id
        and failover_days.stat_date = platform_days.stat_date
