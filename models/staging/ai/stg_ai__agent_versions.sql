with source as (

    select * from {{ rows_of(source('ai', 'ai_agent_versions')) }}

),

renamed as (

    select
        -- ids
        id as agent_version_id,
        tenant_id,
        agent_id,

        -- text
        version,
        version_name,
        changelog,
        model_config,
        prompt_config,
        status,
        test_results,
        created_by,

        -- numbers
        deploy_count,
        rollback_count,
        conversation_count,
        success_rate as success_rate_pct,
        avg_response_time as avg_response_seconds,
        total_tokens,
        total_cost as total_cost_cny,

        -- booleans
        is_current,

        -- dates and times
        first_deployed_at,
        last_deployed_at,
        created_at
    from source

)

select * from renamed
