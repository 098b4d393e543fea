{#- A query of the window's calls to AI platforms: one row per tenant, agent_id or platform_id (the
    argument) and business day, columns calls, failed_calls, response_seconds_sum,
    p50_response_seconds, p95_response_seconds, tokens, cost_cny. Calls without that id are left out;
    calls that report no tokens or cost count as none. -#}
{% macro ai_calls_by_day(id_column) -%}
with calls as (

    select
        tenant_id,
        {{ id_column }},
        {{ business_date('created_at') }} as stat_date,
        case when {{ is_failed_call() }} then 1 else 0 end as is_failed,
        response_seconds,
        {{ json_number('tokens', '$.total', 'bigint') }} as tokens,
        cost_cny
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
        and {{ id_column }} is not null

),

ranked_calls as (

    select
        calls.*,
        {{ percentile_columns('response_seconds', ['tenant_id', id_column, 'stat_date']) }}
    from calls

)

select
    tenant_id,
    {{ id_column }},
    stat_date,
    count(*) as calls,
    sum(is_failed) as failed_calls,
    sum(response_seconds) as response_seconds_sum,
    {{ percentile('response_seconds', 50) }} as p50_response_seconds,
    {{ percentile('response_seconds', 95) }} as p95_response_seconds,
    coalesce(sum(tokens), 0) as tokens,
    coalesce(sum(cost_cny), 0) as cost_cny
from ranked_calls
group by
    tenant_id,
    {{ id_column }},
    stat_date
{%- endmacro %}
