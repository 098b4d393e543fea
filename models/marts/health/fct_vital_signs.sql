-- One row per time that vital signs of a released patient were taken; who dim_patients does not hold is
-- not here either, whatever was measured before. A patient may have several rows at one instant. Signs
-- must not be summed; a sign not taken is NULL.
{{ config(
    primary_key=['vital_sign_id'],
    indexes=[['patient_key', 'measured_at'], ['tenant_id', 'measured_date'], ['measured_date']]
) }}

with patients as (

    select
        patient_id,
        {{ mask_hash('patient_id') }} as patient_key,
        birth_date
    from {{ ref('stg_health__patients') }}
    where {{ may_be_released() }}

),

vital_signs as (

    select
        vital_sign_id,
        tenant_id,
        patient_id,
        health_record_id,
        {{ business_date('measured_at') }} as measured_date,
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
        glucose_measurement_timing,
        pain_level,
        risk_assessment,
        measured_at,
        created_at
    from {{ ref('stg_health__vital_signs') }}

)

select
    vital_signs.vital_sign_id,
    vital_signs.tenant_id,
    patients.patient_key,
    vital_signs.health_record_id,
    vital_signs.measured_date,
    {{ age_band('patients.birth_date', 'vital_signs.measured_date') }} as age_band,
    vital_signs.systolic_pressure,
    vital_signs.diastolic_pressure,
    vital_signs.heart_rate,
    vital_signs.respiratory_rate,
    vital_signs.body_temperature,
    vital_signs.oxygen_saturation,
    vital_signs.weight,
    vital_signs.height,
    vital_signs.bmi,
    vital_signs.waist_circumference,
    vital_signs.hip_circumference,
    vital_signs.blood_glucose,
    vital_signs.glucose_measurement_timing,
    vital_signs.pain_level,
    vital_signs.risk_assessment,
    coalesce(vital_signs.risk_assessment <> 'normal', false) as is_abnormal,
    vital_signs.measured_at,
    vital_signs.created_at,
    {{ seconds_between('vital_signs.measured_at', 'vital_signs.created_at') }} as entry_delay_seconds
from vital_signs
inner join patients
    on patients.patient_id = vital_signs.patient_id
