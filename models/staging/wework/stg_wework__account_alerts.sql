with source as (

    select * from {{ rows_of(source('wework', 'wework_account_alerts')) }}

),

renamed as (

    select
        -- ids
        id as alert_id,
        tenant_id,
        account_id,

        -- text
        alert_type,
        alert_level,
        alert_title,
        alert_message,
        alert_data,
        status,
        acknowledged_by,
        resolved_by,
        resolution_action,
        notification_channels,

        -- numbers
        occurrence_count,

        -- booleans
        notification_sent as is_notification_sent,

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
