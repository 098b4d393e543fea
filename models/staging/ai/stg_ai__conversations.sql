with source as (

    select * from {{ rows_of(source('ai', 'ai_conversations')) }}

),

renamed as (

    select
        -- ids
        id as conversation_record_id,
        tenant_id,
        conversation_id,
        agent_id,
        user_id,
        primary_platform_id,

        -- text
        title,
        status,
        session_config,
        variables,
        context,
        routing_history,

        -- numbers
        message_count,
        total_tokens,
        total_cost as total_cost_cny,
        avg_response_time as avg_response_seconds,
        satisfaction_score,

        -- dates and times
        last_message_at,
        expires_at,
        created_at,
        updated_at
    from source

)

select * from renamed
