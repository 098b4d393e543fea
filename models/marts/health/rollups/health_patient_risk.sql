-- One row per patient: the risk score as of now with the four parts that make it, from the mean signs
-- of the last 30 days, as_of's day included. A missing input adds nothing and is listed. Thresholds
-- are held against exact means, not the rounded ones shown. Nothing here may be summed.
{{ config(materialized='table', primary_key=['patient_id'], indexes=[['tenant_id', 'risk_level']]) }}

with patients as (

    select
        patient_id,
        tenant_id,
        age,
        bmi
    from {{ ref('stg_health__patients') }}

),

vital_signs as (

    select
        patient_id,
        count(*) as measurement_count,
        sum(systolic_pressure) as systolic_sum,
        count(systolic_pressure) as systolic_count,
        sum(diastolic_pressure) as diastolic_sum,
        count(diastolic_pressure) as diastolic_count,
        sum(heart_rate) as heart_rate_sum,
        count(heart_rate) as heart_rate_count
    from {{ ref('stg_health__vital_signs') }}
    where measured_at >= {{ add_days(as_of_date(), -29) }}
        and measured_at < {{ add_days(as_of_date(), 1) }}
    group by patient_id

),

inputs as (

    select
        patients.patient_id,
        patients.tenant_id,
        patients.age,
        patients.bmi,
        coalesce(vital_signs.measurement_count, 0) as measurement_count,
        vital_signs.systolic_sum,
        coalesce(vital_signs.systolic_count, 0) as systolic_count,
        vital_signs.diastolic_sum,
        coalesce(vital_signs.diastolic_count, 0) as diastolic_count,
        vital_signs.heart_rate_sum,
        coalesce(vital_signs.heart_rate_count, 0) as heart_rate_count
    from patients
    left join vital_signs
        on vital_signs.patient_id = patients.patient_id

),

-- sums are NULL where nothing was measured: such a comparison holds for nobody
points as (

    select
        inputs.*,
        case
            when age >= 65 then 20
            when age >= 50 then 10
            when age >= 35 then 5
            else 0
        end as age_points,
        case
            when bmi >= 30 then 15
            when bmi >= 25 then 10
            when bmi < 18.5 then 8
            else 0
        end as bmi_points,
        case
            when systolic_sum >= 140 * systolic_count or diastolic_sum >= 90 * diastolic_count then 20
            when systolic_sum >= 130 * systolic_count or diastolic_sum >= 80 * diastolic_count then 15
            when systolic_sum >= 120 * systolic_count then 5
            else 0
        end as blood_pressure_points,
        case
            when heart_rate_sum > 100 * heart_rate_count or heart_rate_sum < 60 * heart_rate_count then 10
            else 0
        end as heart_rate_points,
        case when age is null then ',age' else '' end as missing_age,
        case when bmi is null then ',bmi' else '' end as missing_bmi,
        case when systolic_count = 0 then ',systolic_pressure' else '' end as missing_systolic,
        case when diastolic_count = 0 then ',diastolic_pressure' else '' end as missing_diastolic,
        case when heart_rate_count = 0 then ',heart_rate' else '' end as missing_heart_rate
    from inputs

),

scores as (

    select
        points.*,
        age_points + bmi_points + blood_pressure_points + heart_rate_points as risk_score,
        concat(missing_age, missing_bmi, missing_systolic, missing_diastolic, missing_heart_rate)
            as missing_list
    from points

)

select
    patient_id,
    tenant_id,
    {{ cast_to('age', 'int') }} as age_years,
    bmi,
    measurement_count,
    {{ exact_divide('systolic_sum', 'systolic_count', 2) }} as avg_systolic_pressure,
    {{ exact_divide('diastolic_sum', 'diastolic_count', 2) }} as avg_diastolic_pressure,
    {{ exact_divide('heart_rate_sum', 'heart_rate_count', 2) }} as avg_heart_rate,
    {{ cast_to('age_points', 'int') }} as age_points,
    {{ cast_to('bmi_points', 'int') }} as bmi_points,
    {{ cast_to('blood_pressure_points', 'int') }} as blood_pressure_points,
    {{ cast_to('heart_rate_points', 'int') }} as heart_rate_points,
    {{ cast_to('risk_score', 'int') }} as risk_score,
    case
        when risk_score >= 50 then 'high'
        when risk_score >= 30 then 'medium'
        when risk_score >= 15 then 'low'
        else 'very_low'
    end as risk_level,
    nullif(substring(missing_list, 2), '') as missing_inputs
from scores
