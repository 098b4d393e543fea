with source as (

    select * from {{ rows_of(source('health', 'health_vital_signs')) }}

),

renamed as (

    select
        -- ids
        id as vital_sign_id,
        tenant_id,
        patient_id,
        health_record_id,

        -- text
        glucose_measurement_time as glucose_measurement_timing,
        pain_location,
        measurement_conditions,
        device_info,
        abnormal_values,
        risk_assessment,
        created_by,

        -- numbers
        systolic_pressure,
        diastolic_pressure,
        heart_rate,
        respiratory_rate,
        body_temperature,
        oxygen_saturation,
        weight,
        height,
        bmi,
        waist_circumference,
        hip_circumference,
        blood_glucose,
        pain_level,

        -- dates and times
        measured_at,
        created_at
    from source

)

select * from renamed
