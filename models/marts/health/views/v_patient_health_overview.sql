-- Exactly one row per patient, whatever the records behind it. Everything beside the patient's own
-- figures is asked per patient from its indexes, so that one tenant's question never reads the
-- others' rows. Counts may be summed over patients; of measurements and checkups only the latest shows.

with patients as (

    select
        patient_id,
        tenant_id,
        patient_code,
        patient_name,
        gender,
        age,
        phone,
        status,
        total_visits,
        total_records,
        last_visit_at,
        last_record_at,
        -- a meter that sends twice has two rows at one instant
        {{ first_row_value(
            'vital_signs.vital_sign_id', ref('stg_health__vital_signs') ~ ' as vital_signs',
            'vital_signs.patient_id = patients.patient_id',
            [
                'vital_signs.measured_at', 'vital_signs.created_at',
                by_code_point('vital_signs.vital_sign_id'),
            ]
        ) }} as last_vital_sign_id,
        {{ first_row_value(
            'checkups.checkup_report_id', ref('stg_health__checkup_reports') ~ ' as checkups',
            'checkups.patient_id = patients.patient_id',
            [
                'checkups.checkup_date', 'checkups.created_at',
                by_code_point('checkups.checkup_report_id'),
            ]
        ) }} as last_checkup_report_id
    from {{ ref('stg_health__patients') }} as patients -- noqa: AL05

)

select
    patients.patient_id as id,
    patients.tenant_id,
    patients.patient_code,
    patients.patient_name as name,
    patients.gender,
    patients.age,
    patients.phone,
    patients.status,
    patients.total_visits,
    patients.total_records,
    patients.last_visit_at,
    patients.last_record_at,
    (
        select count(*)
        from {{ ref('stg_health__records') }} as records
        where records.patient_id = patients.patient_id
            and records.created_at >= {{ add_days(as_of_date(), -29) }}
            and records.created_at < {{ add_days(as_of_date(), 1) }}
    ) as recent_records,
    (
        select count(*)
        from {{ ref('stg_health__alerts') }} as alerts
        where alerts.patient_id = patients.patient_id
            and alerts.status = 'open'
    ) as open_alerts,
    (
        select count(*)
        from {{ ref('stg_health__devices') }} as devices
        where devices.assigned_patient_id = patients.patient_id
            and devices.status = 'active'
    ) as assigned_devices,
    last_vital_signs.measured_at as last_vital_signs_at,
    last_vital_signs.systolic_pressure as last_systolic_pressure,
    last_vital_signs.diastolic_pressure as last_diastolic_pressure,
    last_vital_signs.heart_rate as last_heart_rate,
    last_vital_signs.body_temperature as last_temperature,
    last_checkups.health_status as last_checkup_status,
    last_checkups.checkup_date as last_checkup_date
from patients
left join {{ ref('stg_health__vital_signs') }} as last_vital_signs
    on last_vital_signs.vital_sign_id = patients.last_vital_sign_id
left join {{ ref('stg_health__checkup_reports') }} as last_checkups
    on last_checkups.checkup_report_id = patients.last_checkup_report_id
