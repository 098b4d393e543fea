with source as (

    select * from {{ rows_of(source('health', 'health_records')) }}

),

renamed as (

    select
        -- ids
        id as health_record_id,
        tenant_id,
        patient_id,
        device_id,
        doctor_id,

        -- text
        record_type,
        record_source,
        title as record_title,
        description,
        measurements,
        reference_ranges,
        abnormal_indicators,
        risk_level,
        hospital,
        department,
        attachments,
        images,
        reports,
        data_quality,
        validation_status,
        validated_by,
        access_level,
        created_by,

        -- booleans
        is_sensitive,

        -- dates and times
        recorded_at,
        measured_at,
        validated_at,
        created_at,
        updated_at
    from source

)

select * from renamed
