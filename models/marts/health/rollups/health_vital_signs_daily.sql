-- One row per patient and business day with a measurement; the day is that of measured_at, so signs
-- that arrive late count on the day they were taken. Counts may be summed over patients and days;
-- minima, means and maxima not: a day's mean weighs by its own count.
{{ config(window_column='stat_date') }}

with vital_signs as (

    select
        tenant_id,
        patient_id,
        {{ business_date('measured_at') }} as stat_date,
        risk_assessment,
        systolic_pressure,
        diastolic_pressure,
        heart_rate,
        respiratory_rate,
        body_temperature,
        oxygen_saturation,
        weight,
        blood_glucose
    from {{ ref('stg_health__vital_signs') }}
    where measured_at >= {{ window_start() }}
        and measured_at < {{ window_end() }}

)

select
    patient_id,
    min(tenant_id) as tenant_id,
    stat_date,
    count(*) as measurement_count,
    {{ count_if("risk_assessment <> 'normal'") }} as abnormal_count,
    min(systolic_pressure) as min_systolic_pressure,
    {{ exact_avg('systolic_pressure', 2) }} as avg_systolic_pressure,
    max(systolic_pressure) as max_systolic_pressure,
    count(systolic_pressure) as systolic_pressure_count,
    min(diastolic_pressure) as min_diastolic_pressure,
    {{ exact_avg('diastolic_pressure', 2) }} as avg_diastolic_pressure,
    max(diastolic_pressure) as max_diastolic_pressure,
    count(diastolic_pressure) as diastolic_pressure_count,
    min(heart_rate) as min_heart_rate,
    {{ exact_avg('heart_rate', 2) }} as avg_heart_rate,
    max(heart_rate) as max_heart_rate,
    count(heart_rate) as heart_rate_count,
    min(respiratory_rate) as min_respiratory_rate,
    {{ exact_avg('respiratory_rate', 2) }} as avg_respiratory_rate,
    max(respiratory_rate) as max_respiratory_rate,
    count(respiratory_rate) as respiratory_rate_count,
    min(body_temperature) as min_body_temperature,
    {{ exact_avg('body_temperature', 2) }} as avg_body_temperature,
    max(body_temperature) as max_body_temperature,
    count(body_temperature) as body_temperature_count,
    min(oxygen_saturation) as min_oxygen_saturation,
    {{ exact_avg('oxygen_saturation', 2) }} as avg_oxygen_saturation,
    max(oxygen_saturation) as max_oxygen_saturation,
    count(oxygen_saturation) as oxygen_saturation_count,
    min(weight) as min_weight,
    {{ exact_avg('weight', 2) }} as avg_weight,
    max(weight) as max_weight,
    count(weight) as weight_count,
    min(blood_glucose) as min_blood_glucose,
    {{ exact_avg('blood_glucose', 2) }} as avg_blood_glucose,
    max(blood_glucose) as max_blood_glucose,
    count(blood_glucose) as blood_glucose_count
from vital_signs
group by
    patient_id,
    stat_date
