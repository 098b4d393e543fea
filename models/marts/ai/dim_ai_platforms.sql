-- One row per connected AI platform, as it is now, without address and credentials. Requests and cost are
-- stocks since the connection was made and may be summed over platforms; rates and means may not.
{{ config(primary_key=['platform_id'], indexes=[['tenant_id', 'status']]) }}

with platforms as (

    select
        platform_id,
        tenant_id,
        platform_name,
        platform_type,
        auth_type,
        status,
        priority,
        (health_check_url is not null) as is_health_checked,
        health_check_interval_seconds,
        {{ json_size('supported_models') }} as supported_models,
        total_requests,
        successful_requests,
        failed_requests,
        avg_response_seconds,
        total_cost_cny,
        last_health_check_at,
        last_error_at,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_ai__platforms') }}

),

agent_links as (

    select
        platform_id,
        count(*) as enabled_agents,
        {{ count_if("deployment_status = 'deployed'") }} as deployed_agents,
        sum(max_concurrent_requests) as max_concurrent_requests
    from {{ ref('stg_ai__platform_agents') }}
    where is_enabled
    group by platform_id

)

select
    platforms.platform_id,
    platforms.tenant_id,
    platforms.platform_name,
    platforms.platform_type,
    platforms.auth_type,
    platforms.status,
    platforms.priority,
    platforms.is_health_checked,
    platforms.health_check_interval_seconds,
    platforms.supported_models,
    coalesce(agent_links.enabled_agents, 0) as enabled_agents,
    coalesce(agent_links.deployed_agents, 0) as deployed_agents,
    coalesce(agent_links.max_concurrent_requests, 0) as max_concurrent_requests,
    platforms.total_requests,
    platforms.successful_requests,
    platforms.failed_requests,
    {{ percentage(
        'platforms.successful_requests',
        'platforms.successful_requests + platforms.failed_requests'
    ) }} as success_rate_pct,
    -- the column's default 0 is no measurement
    case when platforms.total_requests > 0 then platforms.avg_response_seconds end as avg_response_seconds,
    platforms.total_cost_cny,
    {{ exact_divide('platforms.total_cost_cny', 'platforms.total_requests', 6) }} as avg_request_cost_cny,
    platforms.last_health_check_at,
    platforms.last_error_at,
    platforms.created_by,
    platforms.created_at,
    platforms.updated_at
from platforms
left join agent_links
    on agent_links.platform_id = platforms.platform_id
