with source as (

    select * from {{ rows_of(source('ai', 'ai_messages')) }}

),

renamed as (

    select
        -- ids
        id as message_record_id,
        tenant_id,
        message_id,
        conversation_id as conversation_record_id,
        platform_id,

        -- text
        role as message_role,
        content_type,
        content,
        metadata,
        tokens,
        finish_reason,
        user_feedback,
        knowledge_sources,
        tools_used,
        platform_specific,
        error_info,

        -- numbers
        response_time as response_seconds,
        confidence,
        quality_score,
        relevance_score,

        -- dates and times
        created_at
    from source

)

select * from renamed
