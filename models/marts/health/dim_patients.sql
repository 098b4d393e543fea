-- One row per patient who consented to sharing data and is not private, as they are now, without what
-- identifies them: no name, code, card, contact, date or exact measure. Made anew each time, so that
-- who withdraws is gone with the next build. Counts may be summed over patients.
{{ config(primary_key=['patient_key'], indexes=[['tenant_id', 'age_band']]) }}

with patients as (

    select
        patient_id,
        tenant_id,
        gender,
        birth_date,
        address,
        blood_type,
        rh_factor,
        allergies,
        chronic_diseases,
        current_medications,
        bmi,
        smoking_status,
        drinking_status,
        exercise_frequency,
        status,
        registration_source,
        privacy_level,
        total_visits,
        total_records,
        last_visit_at,
        last_record_at,
        created_at
    from {{ ref('stg_health__patients') }}
    where {{ may_be_released() }}

)

select
    {{ mask_hash('patient_id') }} as patient_key,
    tenant_id,
    gender,
    {{ age_band('birth_date', as_of_date()) }} as age_band,
    {{ generalise_address('address') }} as province,
    blood_type,
    rh_factor,
    case
        when bmi >= 30 then 'obese'
        when bmi >= 25 then 'overweight'
        when bmi >= 18.5 then 'normal'
        when bmi is not null then 'underweight'
    end as bmi_band,
    smoking_status,
    drinking_status,
    exercise_frequency,
    {{ json_size('allergies') }} as allergy_count,
    {{ json_size('chronic_diseases') }} as chronic_disease_count,
    {{ json_size('current_medications') }} as medication_count,
    status,
    registration_source,
    privacy_level,
    total_visits,
    total_records,
    {{ year_month('created_at') }} as registered_month,
    {{ year_month('last_visit_at') }} as last_visit_month,
    {{ year_month('last_record_at') }} as last_record_month
from patients
