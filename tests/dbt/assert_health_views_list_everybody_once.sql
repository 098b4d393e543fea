-- The views and the two assessments list every patient and device exactly once. A join that multiplies
-- shows in a unique test; one that loses rows, or doubles one and drops another, shows only here.
with listed as (

    select
        'patient' as subject,
        id as subject_id,
        1 as in_view,
        0 as in_assessment,
        0 as in_source
    from {{ ref('v_patient_health_overview') }}

    union all

    select
        'patient' as subject,
        patient_id as subject_id,
        0 as in_view,
        1 as in_assessment,
        0 as in_source
    from {{ ref('health_patient_risk') }}

    union all

    select
        'patient' as subject,
        patient_id as subject_id,
        0 as in_view,
        0 as in_assessment,
        1 as in_source
    from {{ ref('stg_health__patients') }}

    union all

    select
        'device' as subject,
        id as subject_id,
        1 as in_view,
        0 as in_assessment,
        0 as in_source
    from {{ ref('v_device_status_overview') }}

    union all

    select
        'device' as subject,
        device_id as subject_id,
        0 as in_view,
        1 as in_assessment,
        0 as in_source
    from {{ ref('health_device_performance') }}

    union all

    select
        'device' as subject,
        device_id as subject_id,
        0 as in_view,
        0 as in_assessment,
        1 as in_source
    from {{ ref('stg_health__devices') }}

)

select
    subject,
    subject_id
from listed
group by
    subject,
    subject_id
having sum(in_view) <> 1
    or sum(in_assessment) <> 1
    or sum(in_source) <> 1
