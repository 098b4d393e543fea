-- One row per call to an AI platform, without what was asked and who asked. A request that was retried is
-- there once a call: count requests by distinct request_id, and never average averages of seconds.
{{ config(materialized='window', window_column='created_at', refresh_by_month=true) }}

with calls as (

    select
        call_log_id,
        tenant_id,
        request_id,
        agent_id,
        conversation_record_id,
        platform_id,
        api_endpoint,
        request_method,
        routing_strategy,
        selected_platform_name,
        status_code,
        error_code,
        {{ is_failed_call() }} as is_failed,
        retry_count,
        response_seconds,
        request_size_bytes,
        response_size_bytes,
        tokens,
        cost_cny,
        client_ip,
        created_at
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

)

select
    call_log_id,
    tenant_id,
    request_id,
    agent_id,
    conversation_record_id,
    platform_id,
    {{ business_date('created_at') }} as call_date,
    -- a query string may carry keys or ids of people
    {{ dbt.split_part('api_endpoint', "'?'", 1) }} as api_endpoint,
    request_method,
    routing_strategy,
    selected_platform_name,
    status_code,
    error_code,
    is_failed,
    retry_count,
    response_seconds,
    request_size_bytes,
    response_size_bytes,
    {{ json_number('tokens', '$.prompt', 'bigint') }} as prompt_tokens,
    {{ json_number('tokens', '$.completion', 'bigint') }} as completion_tokens,
    coalesce({{ json_number('tokens', '$.total', 'bigint') }}, 0) as total_tokens,
    coalesce(cost_cny, 0) as cost_cny,
    {{ generalise_ip('client_ip') }} as client_network,
    created_at
from calls
