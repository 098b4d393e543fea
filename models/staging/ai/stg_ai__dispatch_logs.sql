with source as (

    select * from {{ rows_of(source('ai', 'ai_dispatch_logs')) }}

),

renamed as (

    select
        -- ids
        id as dispatch_log_id,
        tenant_id,
        request_id,
        agent_id,
        strategy_id,
        selected_platform_id,
        final_platform_id,

        -- text
        available_platforms,
        platform_scores,
        selection_reason,
        fallback_platforms,
        dispatch_status,
        error_code,
        error_message,
        retry_platforms,

        -- numbers
        dispatch_time_ms,
        total_time_ms,
        queue_wait_time_ms,
        response_status_code,
        retry_count,

        -- dates and times
        created_at
    from source

)

select * from renamed
