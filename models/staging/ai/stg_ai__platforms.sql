with source as (

    select * from {{ rows_of(source('ai', 'ai_platforms')) }}

),

renamed as (

    select
        -- ids
        id as platform_id,
        tenant_id,

        -- text
        platform_name,
        platform_type,
        base_url,
        auth_type,
        capabilities,
        supported_models,
        rate_limits,
        status,
        health_check_url,
        created_by,

        -- numbers
        priority,
        health_check_interval as health_check_interval_seconds,
        total_requests,
        successful_requests,
        failed_requests,
        avg_response_time as avg_response_seconds,
        total_cost as total_cost_cny,
        avg_cost_per_request as avg_cost_per_request_cny,

        -- dates and times
        last_health_check_at,
        last_error_at,
        created_at,
        updated_at
    from source

)

select * from renamed
