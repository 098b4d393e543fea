-- Measurements of each day that a build touches, and the systolic pressures among them, are the source's.
-- A mean looks right when rows are lost or doubled evenly; counts and sums do not.
with counted as (

    select
        patient_id,
        stat_date,
        measurement_count as measurements,
        systolic_pressure_count as pressures,
        abnormal_count as abnormal
    from {{ ref('health_vital_signs_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        patient_id,
        {{ business_date('measured_at') }} as stat_date,
        -count(*) as measurements,
        -count(systolic_pressure) as pressures,
        -{{ count_if("risk_assessment in ('caution', 'warning', 'critical')") }} as abnormal
    from {{ ref('stg_health__vital_signs') }}
    where measured_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and measured_at < {{ as_of_date() }}
    group by
        patient_id,
        {{ business_date('measured_at') }}

)

select
    patient_id,
    stat_date,
    sum(measurements) as measurements_too_many
from counted
group by
    patient_id,
    stat_date
having sum(measurements) <> 0
    or sum(pressures) <> 0
    or sum(abnormal) <> 0
