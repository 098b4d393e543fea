with source as (

    select * from {{ rows_of(source('core', 'saas_tenant_quotas')) }}

),

renamed as (

    select
        -- ids
        id as tenant_quota_id,
        tenant_id,
        plan_id,

        -- text
        overage_policy,
        created_by,
        updated_by,

        -- numbers
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
        overage_rate as overage_rate_cny,
        warning_threshold as warning_threshold_pct,

        -- booleans
        enable_wework_integration as has_wework_integration,
        enable_wework_auto_recovery as has_wework_auto_recovery,
        enable_wework_custom_callback as has_wework_custom_callback,
        enable_ai_module as has_ai_module,
        enable_ai_custom_models as has_ai_custom_models,
        enable_health_module as has_health_module,
        enable_advanced_analytics as has_advanced_analytics,
        enable_api_access as has_api_access,
        enable_webhook as has_webhook,
        enable_sso as has_sso,
        enable_mfa as has_mfa,
        enable_audit_logs as has_audit_logs,
        enable_data_export as has_data_export,
        enable_custom_branding as has_custom_branding,
        auto_renew as is_auto_renewed,

        -- dates and times
        effective_from as effective_from_date,
        effective_to as effective_to_date,
        created_at,
        updated_at
    from source

)

select * from renamed
