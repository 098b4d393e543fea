with source as (

    select * from {{ rows_of(source('health', 'health_patients')) }}

),

renamed as (

    select
        -- ids
        id as patient_id,
        tenant_id,
        assigned_doctor_id,

        -- text
        patient_code,
        id_card,
        name as patient_name,
        gender,
        phone,
        email,
        emergency_contact,
        emergency_phone,
        address,
        occupation,
        workplace,
        blood_type,
        rh_factor,
        allergies,
        chronic_diseases,
        family_medical_history,
        current_medications,
        smoking_status,
        drinking_status,
        exercise_frequency,
        status,
        registration_source,
        privacy_level,
        created_by,
        updated_by,

        -- numbers
        {{ age_in_years('birth_date', as_of_date()) }} as age,
        height,
        weight,
        bmi,
        total_visits,
        total_records,

        -- booleans
        data_sharing_consent as has_data_sharing_consent,

        -- dates and times
        birth_date,
        last_visit_at,
        last_record_at,
        created_at,
        updated_at
    from source

)

select * from renamed
