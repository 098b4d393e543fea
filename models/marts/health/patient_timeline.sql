-- One row per event of a released patient: registration, health record, measurement, alert raised, alert
-- resolved, finished checkup. A checkup has a day only and stands at that day's midnight. Days since
-- the event before may be summed within a patient; event numbers not at all.
{{ config(
    primary_key=['event_type', 'event_id'],
    indexes=[['patient_key', 'event_number'], ['tenant_id', 'event_date'], ['event_date']]
) }}

with patients as (

    select
        patient_id,
        {{ mask_hash('patient_id') }} as patient_key,
        tenant_id,
        created_at
    from {{ ref('stg_health__patients') }}
    where {{ may_be_released() }}

),

events as (

    select
        patient_id,
        tenant_id,
        1 as event_order,
        'registered' as event_type,
        patient_key as event_id,
        created_at as event_at,
        null as event_subject,
        null as event_finding
    from patients

    union all

    select
        patient_id,
        tenant_id,
        2 as event_order,
        'health_record' as event_type,
        health_record_id as event_id,
        recorded_at as event_at,
        record_type as event_subject,
        risk_level as event_finding
    from {{ ref('stg_health__records') }}

    union all

    select
        patient_id,
        tenant_id,
        3 as event_order,
        'vital_signs' as event_type,
        vital_sign_id as event_id,
        measured_at as event_at,
        null as event_subject,
        risk_assessment as event_finding
    from {{ ref('stg_health__vital_signs') }}

    union all

    select
        patient_id,
        tenant_id,
        4 as event_order,
        'alert_triggered' as event_type,
        alert_id as event_id,
        triggered_at as event_at,
        alert_type as event_subject,
        alert_level as event_finding
    from {{ ref('stg_health__alerts') }}

    union all

    select
        patient_id,
        tenant_id,
        5 as event_order,
        'alert_resolved' as event_type,
        alert_id as event_id,
        resolved_at as event_at,
        alert_type as event_subject,
        status as event_finding
    from {{ ref('stg_health__alerts') }}

    union all

    select
        patient_id,
        tenant_id,
        6 as event_order,
        'checkup' as event_type,
        checkup_report_id as event_id,
        {{ day_start('checkup_date') }} as event_at,
        checkup_type as event_subject,
        health_status as event_finding
    from {{ ref('stg_health__checkup_reports') }}
    where report_status <> 'draft'

),

-- who is released is decided before anything is sorted
released_events as (

    select
        patients.patient_key,
        events.tenant_id,
        events.event_order,
        events.event_type,
        events.event_id,
        events.event_at,
        events.event_subject,
        events.event_finding
    from events
    inner join patients
        on patients.patient_id = events.patient_id
    where events.event_at is not null

),

numbered_events as (

    select
        released_events.*,
        row_number() over (
            partition by patient_key
            order by event_at, event_order, {{ by_code_point('event_id') }}
        ) as event_number,
        lag(event_at) over (
            partition by patient_key
            order by event_at, event_order, {{ by_code_point('event_id') }}
        ) as previous_event_at
    from released_events

)

select
    patient_key,
    event_number,
    tenant_id,
    event_type,
    event_id,
    event_at,
    {{ business_date('event_at') }} as event_date,
    event_subject,
    event_finding,
    {{ days_between('previous_event_at', 'event_at') }} as since_previous_days
from numbered_events
