with source as (

    select * from {{ rows_of(source('health', 'health_alerts')) }}

),

renamed as (

    select
        -- ids
        id as alert_id,
        tenant_id,
        patient_id,
        trigger_rule_id as alert_rule_id,
        health_record_id,
        device_id,

        -- text
        alert_type,
        alert_level,
        alert_title,
        alert_message,
        alert_data,
        trigger_source,
        clinical_significance,
        recommended_actions,
        urgency_level,
        status,
        acknowledged_by,
        resolved_by,
        resolution_notes,
        notification_channels,

        -- numbers
        escalation_level,

        -- booleans
        follow_up_required as is_follow_up_required,
        notification_sent as is_notification_sent,

        -- dates and times
        triggered_at,
        acknowledged_at,
        resolved_at,
        follow_up_date,
        created_at,
        updated_at
    from source

)

select * from renamed
