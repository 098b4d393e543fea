with source as (

    select * from {{ rows_of(source('core', 'saas_monitor_rules')) }}

),

renamed as (

    select
        -- ids
        id as monitor_rule_id,
        tenant_id,

        -- text
        rule_name,
        rule_description,
        rule_category,
        target_module,
        monitor_target,
        check_conditions,
        threshold_config,
        alert_level,
        alert_template,
        created_by,

        -- numbers
        check_interval as check_interval_seconds,
        check_timeout as check_timeout_seconds,
        retry_count,
        execution_count,
        success_count,
        failure_count,

        -- booleans
        enable_auto_handling as has_auto_handling,
        is_enabled,

        -- dates and times
        last_executed_at,
        last_triggered_at,
        created_at,
        updated_at
    from source

)

select * from renamed
