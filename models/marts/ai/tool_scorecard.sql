-- One row per tool that agents can call, with its lifetime counters and those of its agents. Calls may be
-- summed over tools, rates and seconds may not; the agents' calls are part of the tool's.
{{ config(primary_key=['tool_id'], indexes=[['tenant_id', 'status']]) }}

with tools as (

    select
        tool_id,
        tenant_id,
        tool_name,
        tool_type,
        status,
        usage_count,
        success_count,
        avg_execution_seconds,
        last_used_at,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_ai__tools') }}

),

agent_links as (

    select
        tool_id,
        count(*) as linked_agents,
        {{ count_if('is_enabled') }} as enabled_agents,
        {{ count_if('invocation_count > 0') }} as calling_agents,
        coalesce(sum(invocation_count), 0) as agent_calls,
        coalesce(sum(error_count), 0) as agent_errors,
        max(avg_execution_seconds) as max_agent_execution_seconds
    from {{ ref('stg_ai__agent_tools') }}
    group by tool_id

)

select
    tools.tool_id,
    tools.tenant_id,
    tools.tool_name,
    tools.tool_type,
    tools.status,
    coalesce(agent_links.linked_agents, 0) as linked_agents,
    coalesce(agent_links.enabled_agents, 0) as enabled_agents,
    coalesce(agent_links.calling_agents, 0) as calling_agents,
    coalesce(tools.usage_count, 0) as calls,
    coalesce(tools.usage_count, 0) - coalesce(tools.success_count, 0) as failed_calls,
    {{ percentage('tools.success_count', 'tools.usage_count') }} as success_rate_pct,
    coalesce(agent_links.agent_calls, 0) as agent_calls,
    {{ percentage('agent_links.agent_errors', 'agent_links.agent_calls') }} as agent_error_rate_pct,
    tools.avg_execution_seconds,
    agent_links.max_agent_execution_seconds,
    tools.last_used_at,
    {{ days_between('tools.last_used_at', as_of_date()) }} as unused_days,
    tools.created_by,
    tools.created_at,
    tools.updated_at
from tools
left join agent_links
    on agent_links.tool_id = tools.tool_id
