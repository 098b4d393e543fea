-- One row per platform. Requests and the mean cover the platform's whole life, as its row has them; the
-- agents are those enabled on it now, asked per platform from its index. Rates and means must not be
-- summed.

with platforms as (

    select
        platform_id,
        platform_name,
        platform_type,
        status,
        avg_response_seconds,
        coalesce(successful_requests, 0) as successful_requests,
        coalesce(failed_requests, 0) as failed_requests,
        last_health_check_at,
        created_at,
        updated_at
    from {{ ref('stg_ai__platforms') }}

)

select
    platform_id as id,
    platform_name,
    platform_type,
    status,
    avg_response_seconds as avg_response_time,
    successful_requests,
    failed_requests,
    {{ percentage('successful_requests', 'successful_requests + failed_requests', when_empty=0) }}
        as success_rate,
    (
        select count(*)
        from {{ ref('stg_ai__platform_agents') }} as platform_links
        where platform_links.platform_id = platforms.platform_id
            and platform_links.is_enabled
    ) as agent_count,
    last_health_check_at,
    created_at,
    updated_at
from platforms
