-- One row per audited action, without names, values and addresses. One operation over many objects is one
-- row a tenant and run, so rows must not be taken for objects changed.
{{ config(materialized='window', window_column='created_at', refresh_by_month=true) }}

select
    audit_log_id,
    tenant_id,
    {{ business_date('created_at') }} as event_date,
    log_type,
    module,
    sub_module,
    operator_type,
    operator_id,
    session_id,
    action,
    target_type,
    target_id,
    status,
    left({{ json_text('error_info', '$.code') }}, 50) as error_code,
    execution_time_ms,
    {{ mask_hash('ip_address') }} as ip_key,
    {{ generalise_ip('ip_address') }} as ip_network,
    created_at
from {{ ref('stg_core__audit_logs') }}
where created_at >= {{ window_start() }}
    and created_at < {{ window_end() }}
