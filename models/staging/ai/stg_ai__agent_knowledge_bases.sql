with source as (

    select * from {{ rows_of(source('ai', 'ai_agent_knowledge_bases')) }}

),

renamed as (

    select
        -- ids
        id as agent_knowledge_base_id,
        tenant_id,
        agent_id,
        knowledge_base_id,

        -- text
        search_config,

        -- numbers
        priority,
        query_count,
        hit_count,
        avg_relevance_score,

        -- booleans
        is_enabled,

        -- dates and times
        last_used_at,
        created_at
    from source

)

select * from renamed
