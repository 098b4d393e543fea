-- One row per saved version of an agent, each deployed one compared with the one deployed before it. The
-- figures are the application's and cover the time a version was in force; counts, tokens and cost may be
-- summed over versions, rates, means and changes may not.
{{ config(primary_key=['agent_version_id'], indexes=[['agent_id', 'created_at'], ['tenant_id', 'agent_id']]) }}

with versions as (

    select
        agent_version_id,
        tenant_id,
        agent_id,
        version,
        version_name,
        status,
        is_current,
        {{ json_text('model_config', '$.model') }} as model_name,
        deploy_count,
        rollback_count,
        conversation_count,
        success_rate_pct,
        avg_response_seconds,
        total_tokens,
        total_cost_cny,
        first_deployed_at,
        last_deployed_at,
        created_by,
        created_at
    from {{ ref('stg_ai__agent_versions') }}

),

deployed as (

    select
        agent_version_id,
        lag(agent_version_id) over (
            partition by agent_id
            order by first_deployed_at, created_at, agent_version_id
        ) as previous_version_id
    from versions
    where first_deployed_at is not null

)

select
    versions.agent_version_id,
    versions.tenant_id,
    versions.agent_id,
    versions.version,
    versions.version_name,
    versions.status,
    versions.is_current,
    versions.model_name,
    versions.deploy_count,
    versions.rollback_count,
    {{ percentage('versions.rollback_count', 'versions.deploy_count') }} as rollback_rate_pct,
    versions.conversation_count,
    versions.success_rate_pct,
    versions.avg_response_seconds,
    versions.total_tokens,
    versions.total_cost_cny,
    {{ exact_divide('versions.total_tokens', 'versions.conversation_count', 2) }} as avg_conversation_tokens,
    {{ exact_divide('versions.total_cost_cny', 'versions.conversation_count', 6) }}
        as avg_conversation_cost_cny,
    deployed.previous_version_id,
    versions.success_rate_pct - previous.success_rate_pct as success_rate_change_points,
    versions.avg_response_seconds - previous.avg_response_seconds as response_change_seconds,
    versions.first_deployed_at,
    versions.last_deployed_at,
    versions.created_by,
    versions.created_at
from versions
left join deployed
    on deployed.agent_version_id = versions.agent_version_id
left join versions as previous
    on previous.agent_version_id = deployed.previous_version_id
