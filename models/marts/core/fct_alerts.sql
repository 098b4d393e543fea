-- One row per alert of the platform. The two durations overlap (resolving includes acknowledging), so they
-- must not be added to each other; an alert that nobody took on, or that is still open, has none.
-- Open alerts expire after 30 days, acknowledged ones may take longer: two months are rebuilt.
{{ config(materialized='window', window_column='created_at', lookback_days=60) }}

select
    alert_id,
    tenant_id,
    {{ business_date('created_at') }} as alert_date,
    source_type,
    source_module,
    source_id,
    alert_code,
    alert_category,
    alert_level,
    business_impact,
    status,
    occurrence_count,
    escalation_level,
    first_occurred_at,
    last_occurred_at,
    acknowledged_by,
    acknowledged_at,
    {{ seconds_between('first_occurred_at', 'acknowledged_at') }} as acknowledge_seconds,
    resolved_by,
    resolved_at,
    {{ seconds_between('first_occurred_at', 'resolved_at') }} as resolve_seconds,
    created_at
from {{ ref('stg_core__alerts') }}
where created_at >= {{ window_start() }}
    and created_at < {{ window_end() }}
