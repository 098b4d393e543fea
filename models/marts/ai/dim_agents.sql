-- One row per AI agent, as it is configured now; prompts and settings stay in the source. The link counts
-- are stocks of now: a platform or tool shared by agents counts once for each, so never sum them.
{{ config(primary_key=['agent_id'], indexes=[['tenant_id', 'status']]) }}

with agents as (

    select
        agent_id,
        tenant_id,
        agent_name,
        category,
        agent_type,
        status,
        version,
        {{ json_text('model_config', '$.model') }} as model_name,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_ai__agents') }}

),

strategies as (

    select
        agent_id,
        strategy_type
    from {{ ref('stg_ai__scheduling_strategies') }}
    where is_enabled

),

versions as (

    select
        agent_id,
        count(*) as saved_versions
    from {{ ref('stg_ai__agent_versions') }}
    group by agent_id

),

platform_links as (

    select
        agent_id,
        count(*) as enabled_platforms,
        {{ count_if("deployment_status = 'deployed'") }} as deployed_platforms
    from {{ ref('stg_ai__platform_agents') }}
    where is_enabled
    group by agent_id

),

knowledge_base_links as (

    select
        agent_id,
        count(*) as enabled_knowledge_bases
    from {{ ref('stg_ai__agent_knowledge_bases') }}
    where is_enabled
    group by agent_id

),

tool_links as (

    select
        agent_id,
        count(*) as enabled_tools
    from {{ ref('stg_ai__agent_tools') }}
    where is_enabled
    group by agent_id

)

select
    agents.agent_id,
    agents.tenant_id,
    agents.agent_name,
    agents.category,
    agents.agent_type,
    agents.status,
    agents.version,
    agents.model_name,
    coalesce(strategies.strategy_type, 'none') as strategy_type,
    coalesce(versions.saved_versions, 0) as saved_versions,
    coalesce(platform_links.enabled_platforms, 0) as enabled_platforms,
    coalesce(platform_links.deployed_platforms, 0) as deployed_platforms,
    coalesce(knowledge_base_links.enabled_knowledge_bases, 0) as enabled_knowledge_bases,
    coalesce(tool_links.enabled_tools, 0) as enabled_tools,
    agents.created_by,
    agents.created_at,
    agents.updated_at
from agents
left join strategies
    on strategies.agent_id = agents.agent_id
left join versions
    on versions.agent_id = agents.agent_id
left join platform_links
    on platform_links.agent_id = agents.agent_id
left join knowledge_base_links
    on knowledge_base_links.agent_id = agents.agent_id
left join tool_links
    on tool_links.agent_id = agents.agent_id
