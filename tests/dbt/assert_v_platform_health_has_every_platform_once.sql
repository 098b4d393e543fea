-- One row for each platform and none besides, and its agents are the enabled links: the count beside the
-- lifetime counters must neither drop a platform nor repeat one.
with counted as (

    select
        platform_id,
        1 as platforms,
        0 as listed,
        0 as agents
    from {{ ref('stg_ai__platforms') }}

    union all

    select
        id as platform_id,
        0 as platforms,
        1 as listed,
        agent_count as agents
    from {{ ref('v_platform_health') }}

    union all

    select
        platform_id,
        0 as platforms,
        0 as listed,
        -count(*) as agents
    from {{ ref('stg_ai__platform_agents') }}
    where is_enabled
        and platform_id in (select platform_id from {{ ref('stg_ai__platforms') }})
    group by platform_id

)

select
    platform_id,
    sum(platforms) as platforms,
    sum(listed) as listed,
    sum(agents) as agents_too_many
from counted
group by platform_id
having sum(platforms) <> 1
    or sum(listed) <> 1
    or sum(agents) <> 0
