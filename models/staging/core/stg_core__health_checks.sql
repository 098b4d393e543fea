with source as (

    select * from {{ rows_of(source('core', 'saas_health_checks')) }}

),

renamed as (

    select
        -- ids
        id as health_check_id,
        tenant_id,

        -- text
        check_name,
        check_type,
        target_endpoint,
        status,
        error_message,

        -- numbers
        response_time_ms,
        status_code,
        consecutive_failures,
        total_checks,
        successful_checks,

        -- dates and times
        last_check_at as last_checked_at,
        next_check_at
    from source

)

select * from renamed
