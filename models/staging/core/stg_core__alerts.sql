with source as (

    select * from {{ rows_of(source('core', 'saas_unified_alerts')) }}

),

renamed as (

    select
        -- ids
        id as alert_id,
        tenant_id,
        source_id,

        -- text
        source_type,
        source_module,
        source_name,
        alert_code,
        alert_title,
        alert_message,
        alert_level,
        alert_category,
        alert_data,
        trigger_condition,
        threshold_info,
        status,
        acknowledged_by,
        resolved_by,
        resolution_info,
        notification_status,
        business_impact,
        tags,
        related_alerts,

        -- numbers
        occurrence_count,
        escalation_level,

        -- dates and times
        first_occurred_at,
        last_occurred_at,
        acknowledged_at,
        resolved_at,
        created_at,
        updated_at
    from source

)

select * from renamed
