-- One row per health alert of a released patient, without its texts. The two durations overlap (resolving
-- includes acknowledging), so they must not be added to each other; alerts still open have none.
{{ config(
    primary_key=['alert_id'],
    indexes=[['patient_key', 'alert_date'], ['tenant_id', 'alert_date']]
) }}

with patients as (

    select
        patient_id,
        {{ mask_hash('patient_id') }} as patient_key
    from {{ ref('stg_health__patients') }}
    where {{ may_be_released() }}

),

alerts as (

    select
        alert_id,
        tenant_id,
        patient_id,
        device_id,
        alert_rule_id,
        health_record_id,
        alert_type,
        alert_level,
        trigger_source,
        urgency_level,
        status,
        escalation_level,
        is_follow_up_required,
        is_notification_sent,
        triggered_at,
        acknowledged_at,
        resolved_at
    from {{ ref('stg_health__alerts') }}

)

select
    alerts.alert_id,
    alerts.tenant_id,
    patients.patient_key,
    alerts.device_id,
    alerts.alert_rule_id,
    alerts.health_record_id,
    {{ business_date('alerts.triggered_at') }} as alert_date,
    alerts.alert_type,
    alerts.alert_level,
    alerts.trigger_source,
    alerts.urgency_level,
    alerts.status,
    coalesce(alerts.status = 'false_positive', false) as is_false_positive,
    alerts.escalation_level,
    alerts.is_follow_up_required,
    alerts.is_notification_sent,
    alerts.triggered_at,
    alerts.acknowledged_at,
    {{ seconds_between('alerts.triggered_at', 'alerts.acknowledged_at') }} as acknowledge_seconds,
    alerts.resolved_at,
    {{ seconds_between('alerts.triggered_at', 'alerts.resolved_at') }} as resolve_seconds
from alerts
inner join patients
    on patients.patient_id = alerts.patient_id
