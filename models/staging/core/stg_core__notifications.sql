with source as (

    select * from {{ rows_of(source('core', 'saas_notifications')) }}

),

renamed as (

    select
        -- ids
        id as notification_id,
        tenant_id,

        -- text
        notification_type,
        title,
        content,
        content_format,
        recipient_type,
        recipient_ids,
        priority,
        category,
        tags,
        status,
        created_by,

        -- numbers
        total_recipients,
        sent_count,
        read_count,

        -- booleans
        send_immediately as is_sent_immediately,

        -- dates and times
        scheduled_at,
        expires_at,
        created_at,
        updated_at,
        sent_at
    from source

)

select * from renamed
