-- One row per alert of an account. The two durations overlap (resolving includes acknowledging), so they
-- must not be added to each other; alerts still open have none.
{{ config(primary_key=['alert_id'], indexes=[['account_id', 'alert_date'], ['tenant_id', 'alert_date']]) }}

with alerts as (

    select
        alert_id,
        tenant_id,
        account_id,
        alert_type,
        alert_level,
        status,
        occurrence_count,
        is_notification_sent,
        first_occurred_at,
        last_occurred_at,
        acknowledged_by,
        acknowledged_at,
        resolved_by,
        resolved_at,
        created_at
    from {{ ref('stg_wework__account_alerts') }}

)

select
    alert_id,
    tenant_id,
    account_id,
    {{ business_date('created_at') }} as alert_date,
    alert_type,
    alert_level,
    status,
    occurrence_count,
    is_notification_sent,
    first_occurred_at,
    last_occurred_at,
    acknowledged_by,
    acknowledged_at,
    {{ seconds_between('first_occurred_at', 'acknowledged_at') }} as acknowledge_seconds,
    resolved_by,
    resolved_at,
    {{ seconds_between('first_occurred_at', 'resolved_at') }} as resolve_seconds,
    created_at
from alerts
