with source as (

    select * from {{ rows_of(source('wework', 'wework_message_records')) }}

),

renamed as (

    select
        -- ids
        id as message_record_id,
        tenant_id,
        account_id,
        message_id,
        conversation_id,
        from_id,
        to_id,
        template_id,
        campaign_id,

        -- text
        direction,
        message_type,
        from_type,
        from_name,
        to_type,
        to_name,
        content,
        content_url,
        media_info,
        raw_data,
        send_status,
        error_code,
        error_message,
        tags,
        priority,

        -- numbers
        retry_count,
        processing_time_ms,
        response_time_ms,

        -- dates and times
        scheduled_at,
        sent_at,
        delivered_at,
        read_at,
        recalled_at,
        created_at
    from source

)

select * from renamed
