-- One row per tenant, agent and business day with a call; calls of no agent are in no row. Counts,
-- seconds, tokens and cost may be summed; the rate and the percentiles may not.
{{ config(window_column='stat_date', refresh_by_month=true) }}

with call_days as (

    select
        figures.tenant_id,
        figures.agent_id,
        figures.stat_date,
        figures.calls,
        figures.failed_calls,
        figures.response_seconds_sum,
        figures.p50_response_seconds,
        figures.p95_response_seconds,
        figures.tokens,
        figures.cost_cny
    from ({{ ai_calls_by_day('agent_id') }}) as figures

)

select
    tenant_id,
    agent_id,
    stat_date,
    calls,
    failed_calls,
    {{ percentage('calls - failed_calls', 'calls') }} as success_rate_pct,
    response_seconds_sum,
    p50_response_seconds,
    p95_response_seconds,
    tokens,
    cost_cny
from call_days
