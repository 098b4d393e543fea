with source as (

    select * from {{ rows_of(source('health', 'health_alert_rules')) }}

),

renamed as (

    select
        -- ids
        id as alert_rule_id,
        tenant_id,

        -- text
        rule_name,
        rule_type,
        description,
        target_type,
        target_criteria,
        rule_conditions,
        threshold_config,
        evaluation_window,
        alert_level,
        alert_template,
        created_by,

        -- numbers
        priority,
        cooldown_period as cooldown_seconds,
        execution_count,
        trigger_count,

        -- booleans
        is_enabled,

        -- dates and times
        last_executed_at,
        last_triggered_at,
        created_at,
        updated_at
    from source

)

select * from renamed
