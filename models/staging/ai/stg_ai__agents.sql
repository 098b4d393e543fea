with source as (

    select * from {{ rows_of(source('ai', 'ai_agents')) }}

),

renamed as (

    select
        -- ids
        id as agent_id,
        tenant_id,

        -- text
        agent_name,
        description,
        category,
        agent_type,
        avatar_url,
        model_config,
        prompt_config,
        status,
        version,
        created_by,

        -- numbers
        conversation_count,
        message_count,
        total_tokens,
        total_cost as total_cost_cny,
        avg_response_time as avg_response_seconds,
        success_rate as success_rate_pct,
        satisfaction_score,

        -- dates and times
        last_used_at,
        created_at,
        updated_at
    from source

)

select * from renamed
