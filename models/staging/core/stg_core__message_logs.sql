with source as (

    select * from {{ rows_of(source('core', 'saas_message_logs')) }}

),

renamed as (

    select
        -- ids
        id as message_log_id,
        tenant_id,
        template_id,
        notification_id,
        recipient_id,
        external_id as provider_message_id,

        -- text
        message_type,
        recipient_type,
        recipient_address,
        subject,
        content,
        variables_used,
        status,
        provider,
        error_code,
        error_message,

        -- numbers
        retry_count,

        -- dates and times
        sent_at,
        delivered_at,
        opened_at,
        clicked_at,
        created_at,
        updated_at
    from source

)

select * from renamed
