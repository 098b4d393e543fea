with source as (

    select * from {{ rows_of(source('ai', 'ai_call_logs')) }}

),

renamed as (

    select
        -- ids
        id as call_log_id,
        tenant_id,
        request_id,
        agent_id,
        conversation_id as conversation_record_id,
        platform_id,

        -- text
        api_endpoint,
        request_method,
        request_data,
        tokens,
        error_code,
        error_message,
        routing_strategy,
        selected_platform as selected_platform_name,
        fallback_platforms,
        client_ip,
        user_agent,

        -- numbers
        request_size as request_size_bytes,
        status_code,
        response_time as response_seconds,
        response_size as response_size_bytes,
        cost as cost_cny,
        retry_count,

        -- dates and times
        created_at
    from source

)

select * from renamed
