-- One row per tenant and month with AI calls, over the whole history. Agents, conversations and p95 must not be
-- summed over months: who called in two of them would count twice.
with calls as (

    select
        tenant_id,
        {{ month_start('created_at') }} as month_start_date,
        agent_id,
        conversation_record_id,
        case when {{ is_failed_call() }} then 1 else 0 end as is_failed,
        response_seconds,
        coalesce({{ json_number('tokens', '$.total', 'bigint') }}, 0) as total_tokens,
        cost_cny
    from {{ full_history('stg_ai__call_logs') }}

),

ranked_calls as (

    select
        calls.*,
        {{ percentile_columns('response_seconds', ['tenant_id', 'month_start_date']) }}
    from calls

)

select
    tenant_id,
    month_start_date,
    count(*) as calls,
    {{ cast_to('sum(is_failed)', 'bigint') }} as failed_calls,
    count(distinct agent_id) as agents,
    count(distinct conversation_record_id) as conversations,
    {{ cast_to('sum(total_tokens)', 'bigint') }} as total_tokens,
    {{ cast_to('coalesce(sum(cost_cny), 0)', 'decimal(18,6)') }} as cost_cny,
    {{ percentile('response_seconds', 95) }} as p95_response_seconds
from ranked_calls
group by tenant_id, month_start_date
