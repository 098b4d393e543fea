{% snapshot snap_core__tenant_quotas %}

-- A tenant's limits and switches over time. The tenant is the key: a quota row that is deleted and
-- written anew continues the tenant's history.
{{
    config(
        target_schema=generate_schema_name('warehouse'),
        unique_key='tenant_id',
        indexes=[['tenant_id', 'dbt_valid_from'], ['dbt_scd_id']]
    )
}}

select
    tenant_id,
    tenant_quota_id,
    plan_id,
    overage_policy,
    max_users,
    max_roles,
    max_api_keys,
    max_storage_gb,
    max_api_calls_per_minute,
    max_api_calls_per_hour,
    max_api_calls_per_day,
    max_api_calls_per_month,
    max_wework_accounts,
    max_online_wework_accounts,
    max_daily_wework_messages,
    max_monthly_wework_messages,
    max_wework_monitor_rules,
    max_wework_alerts_per_day,
    max_ai_agents,
    max_ai_platforms,
    max_ai_conversations_per_day,
    max_ai_tokens_per_day,
    max_ai_knowledge_bases,
    max_ai_tools,
    max_health_patients,
    max_health_records_per_patient,
    max_health_devices,
    max_file_size_mb,
    max_batch_size,
    max_export_records,
    max_concurrent_sessions,
    max_monitor_rules,
    max_alert_channels,
    max_alerts_per_day,
    max_notifications_per_day,
    max_email_per_day,
    max_sms_per_day,
    overage_rate_cny,
    warning_threshold_pct,
    has_wework_integration,
    has_wework_auto_recovery,
    has_wework_custom_callback,
    has_ai_module,
    has_ai_custom_models,
    has_health_module,
    has_advanced_analytics,
    has_api_access,
    has_webhook,
    has_sso,
    has_mfa,
    has_audit_logs,
    has_data_export,
    has_custom_branding,
    is_auto_renewed,
    effective_from_date,
    effective_to_date
from {{ ref('stg_core__tenant_quotas') }}
where created_at <= {{ as_of() }}

{% endsnapshot %}
