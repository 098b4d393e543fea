with source as (

    select * from {{ rows_of(source('wework', 'wework_account_monitor_rules')) }}

),

renamed as (

    select
        -- ids
        id as monitor_rule_id,
        tenant_id,
        account_id,

        -- text
        rule_name,
        rule_type,
        description,
        threshold_config,
        trigger_condition,
        alert_level,
        alert_template,
        notification_channels,
        created_by,

        -- numbers
        check_interval as check_interval_seconds,
        execution_count,
        trigger_count,

        -- booleans
        enable_auto_action as has_auto_action,
        is_enabled,

        -- dates and times
        last_executed_at,
        last_triggered_at,
        created_at,
        updated_at
    from source

)

select * from renamed
