with source as (

    select * from {{ rows_of(source('ai', 'ai_platform_agents')) }}

),

renamed as (

    select
        -- ids
        id as platform_agent_record_id,
        tenant_id,
        agent_id,
        platform_id,
        platform_agent_id as external_agent_id,

        -- text
        sync_status,
        sync_error,
        deployment_status,

        -- numbers
        sync_attempt_count,
        sync_duration_ms,
        total_requests,
        successful_requests,
        failed_requests,
        avg_response_time as avg_response_seconds,
        current_load,
        max_concurrent_requests,
        quality_score,
        stability_score,
        cost_efficiency,

        -- booleans
        is_enabled,

        -- dates and times
        last_sync_at,
        last_request_at,
        created_at,
        updated_at
    from source

)

select * from renamed
