with source as (

    select * from {{ rows_of(source('health', 'health_device_logs')) }}

),

renamed as (

    select
        -- ids
        id as device_log_id,
        tenant_id,
        device_id,
        patient_id,

        -- text
        log_type,
        raw_data,
        processed_data,
        data_quality,
        validation_result,
        error_code,
        error_message,
        environment_data,

        -- dates and times
        created_at
    from source

)

select * from renamed
