with source as (

    select * from {{ rows_of(source('wework', 'wework_callback_logs')) }}

),

renamed as (

    select
        -- ids
        id as callback_log_id,
        tenant_id,
        account_id,

        -- text
        callback_type,
        event_type,
        request_method,
        request_body,
        response_body,
        processing_status,
        error_message,
        business_data,

        -- numbers
        response_status as response_status_code,
        response_time as response_seconds,
        retry_count,

        -- dates and times
        created_at
    from source

)

select * from renamed
