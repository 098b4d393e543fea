-- Every closed day that a build touches has the source's calls, failures, tokens and cost per tenant. A
-- lost or doubled call, a day cut in the wrong zone or a cost dropped with its NULL shows only in sums.
with counted as (

    select
        tenant_id,
        call_date,
        count(*) as calls,
        {{ count_if('is_failed') }} as failures,
        sum(total_tokens) as tokens,
        sum(cost_cny) as cost_cny
    from {{ ref('fct_ai_calls') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, call_date

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as call_date,
        -count(*) as calls,
        -{{ count_if('status_code >= 400 or error_code is not null') }} as failures,
        -coalesce(sum({{ json_number('tokens', '$.total', 'bigint') }}), 0) as tokens,
        -coalesce(sum(cost_cny), 0) as cost_cny
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, {{ business_date('created_at') }}

)

select
    tenant_id,
    call_date,
    sum(calls) as calls_too_many
from counted
group by tenant_id, call_date
having sum(calls) <> 0
    or sum(failures) <> 0
    or sum(tokens) <> 0
    or sum(cost_cny) <> 0
