-- One row per checkup report of a released patient, drafts included and marked by report_status; findings
-- and conclusions stay behind. Costs and counts may be summed, drafts apart from what is finished.
{{ config(
    primary_key=['checkup_report_id'],
    indexes=[['patient_key', 'checkup_date'], ['tenant_id', 'checkup_date']]
) }}

with patients as (

    select
        patient_id,
        {{ mask_hash('patient_id') }} as patient_key,
        birth_date
    from {{ ref('stg_health__patients') }}
    where {{ may_be_released() }}

),

checkups as (

    select
        checkup_report_id,
        tenant_id,
        patient_id,
        checkup_type,
        hospital_name,
        checkup_items,
        abnormal_results,
        health_status,
        report_status,
        payment_status,
        total_cost_cny,
        is_follow_up_required,
        checkup_date,
        report_date,
        follow_up_date,
        reviewed_at,
        created_at
    from {{ ref('stg_health__checkup_reports') }}

)

select
    checkups.checkup_report_id,
    checkups.tenant_id,
    patients.patient_key,
    {{ mask_hash('checkups.hospital_name') }} as hospital_key,
    checkups.checkup_type,
    checkups.checkup_date,
    {{ age_band('patients.birth_date', 'checkups.checkup_date') }} as age_band,
    checkups.health_status,
    coalesce(checkups.health_status in ('abnormal', 'disease_detected', 'critical'), false) as is_abnormal,
    checkups.report_status,
    checkups.report_date,
    {{ days_between('checkups.checkup_date', 'checkups.report_date') }} as report_days,
    checkups.reviewed_at,
    {{ json_size('checkups.checkup_items') }} as item_count,
    {{ json_size('checkups.abnormal_results') }} as abnormal_result_count,
    checkups.is_follow_up_required,
    checkups.follow_up_date,
    checkups.payment_status,
    checkups.total_cost_cny,
    checkups.created_at
from checkups
inner join patients
    on patients.patient_id = checkups.patient_id
