-- One row per tenant, platform and business day with a call or a failover; the tenant is the call's,
-- which need not own the platform. Counts, seconds, tokens and cost may be summed; the rate and the
-- percentiles may not.
{{ config(window_column='stat_date', refresh_by_month=true) }}

with failover_days as (

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

-- at most one row of each kind: a platform may take failovers on a day without a logged call, and a
-- join of the two would make MySQL read the calls twice
figures as (

    select
        call_days.tenant_id,
        call_days.platform_id,
        call_days.stat_date,
        call_days.calls,
        call_days.failed_calls,
        call_days.response_seconds_sum,
        call_days.p50_response_seconds,
        call_days.p95_response_seconds,
        call_days.tokens,
        call_days.cost_cny,
        0 as failovers_received
    from ({{ ai_calls_by_day('platform_id') }}) as call_days

    union all

    select
        tenant_id,
        platform_id,
        stat_date,
        0 as calls,
        0 as failed_calls,
        0 as response_seconds_sum,
        null as p50_response_seconds,
        null as p95_response_seconds,
        0 as tokens,
        0 as cost_cny,
        failovers_received
    from failover_days

)

select
    tenant_id,
    platform_id,
    stat_date,
    sum(calls) as calls,
    sum(failed_calls) as failed_calls,
    {{ percentage('sum(calls) - sum(failed_calls)', 'sum(calls)') }} as success_rate_pct,
    sum(response_seconds_sum) as response_seconds_sum,
    max(p50_response_seconds) as p50_response_seconds,
    max(p95_response_seconds) as p95_response_seconds,
    sum(tokens) as tokens,
    sum(cost_cny) as cost_cny,
    sum(failovers_received) as failovers_received
from figures
group by
    tenant_id,
    platform_id,
    stat_date
