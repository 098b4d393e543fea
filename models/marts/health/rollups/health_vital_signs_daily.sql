-- One row per patient and business day with a measurement; the day is that of measured_at, so signs
-- that arrive late count on the day they were taken. Counts may be summed over patients and days;
-- minima, means and maxima not: a day's mean weighs by its own count.
{%- set signs = [
    'systolic_pressure', 'diastolic_pressure', 'heart_rate', 'respiratory_rate', 'body_temperature',
    'oxygen_saturation', 'weight', 'blood_glucose'
] %}
{{ config(window_column='stat_date') }}

with vital_signs as (

    select
        tenant_id,
        patient_id,
        {{ business_date('measured_at') }} as stat_date,
        risk_assessment
        {%- for sign in signs %},
        {{ sign }}
        {%- endfor %}
    from {{ ref('stg_health__vital_signs') }}
    where measured_at >= {{ window_start() }}
        and measured_at < {{ window_end() }}

)

select
    patient_id,
    min(tenant_id) as tenant_id,
    stat_date,
    count(*) as measurement_count,
    {{ count_if("risk_assessment <> 'normal'") }} as abnormal_count
    {%- for sign in signs %},
    min({{ sign }}) as min_{{ sign }},
    {{ exact_avg(sign, 2) }} as avg_{{ sign }},
    max({{ sign }}) as max_{{ sign }},
    count({{ sign }}) as {{ sign }}_count
    {%- endfor %}
from vital_signs
group by
    patient_id,
    stat_date
