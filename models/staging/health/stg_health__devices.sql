with source as (

    select * from {{ rows_of(source('health', 'health_devices')) }}

),

renamed as (

    select
        -- ids
        id as device_id,
        tenant_id,
        assigned_patient_id,
        assigned_doctor_id,

        -- text
        device_name,
        device_code,
        device_type,
        manufacturer,
        model as device_model,
        serial_number,
        firmware_version,
        specifications,
        measurement_range,
        accuracy,
        supported_metrics,
        connection_type,
        api_endpoint,
        status,
        maintenance_schedule,
        location as device_location,
        created_by,

        -- numbers
        battery_level as battery_level_pct,
        signal_strength,
        calibration_interval_days,
        total_measurements,
        successful_measurements,
        error_count,

        -- booleans
        {{ is_calibration_due('last_calibration_at', 'calibration_interval_days') }} as needs_calibration,

        -- dates and times
        last_online_at,
        last_calibration_at,
        warranty_expires_at as warranty_expiry_date,
        last_measurement_at,
        created_at,
        updated_at
    from source

)

select * from renamed
