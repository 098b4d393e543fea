with source as (

    select * from {{ rows_of(source('wework', 'wework_conversations')) }}

),

renamed as (

    select
        -- ids
        id as conversation_record_id,
        tenant_id,
        account_id,
        conversation_id,
        target_id,
        last_message_id as last_message_record_id,

        -- text
        conversation_type,
        target_name,
        status,
        last_message_content,
        last_message_type,

        -- numbers
        unread_count,
        total_messages,
        sent_messages,
        received_messages,

        -- booleans
        is_pinned,
        is_muted,

        -- dates and times
        last_message_at,
        first_message_at,
        last_read_at,
        created_at,
        updated_at
    from source

)

select * from renamed
