-- One row per agent. Its figures are those the hourly statistics wrote back; the three link counts are
-- stocks of now, asked per agent from its indexes, so that none can multiply another.

with agents as (

    select
        agent_id,
        agent_name,
        description,
        category,
        agent_type,
        status,
        version,
        conversation_count,
        success_rate_pct,
        avg_response_seconds,
        total_cost_cny,
        created_at,
        updated_at
    from {{ ref('stg_ai__agents') }}

)

select
    agent_id as id,
    agent_name,
    description,
    category,
    agent_type,
    status,
    version,
    conversation_count,
    coalesce(success_rate_pct, 0) as success_rate,
    avg_response_seconds as avg_response_time,
    total_cost_cny as total_cost,
    (
        select count(*)
        from {{ ref('stg_ai__platform_agents') }} as platform_links
        where platform_links.agent_id = agents.agent_id
            and platform_links.is_enabled
    ) as platform_count,
    (
        select count(*)
        from {{ ref('stg_ai__agent_knowledge_bases') }} as knowledge_links
        where knowledge_links.agent_id = agents.agent_id
            and knowledge_links.is_enabled
    ) as knowledge_base_count,
    (
        select count(*)
        from {{ ref('stg_ai__agent_tools') }} as tool_links
        where tool_links.agent_id = agents.agent_id
            and tool_links.is_enabled
    ) as tool_count,
    created_at,
    updated_at
from agents
