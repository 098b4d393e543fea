-- The statistics and the overview have one row for each agent and none besides, and the statistics leave
-- none of its conversations out: what the joins to conversations, answers and links could drop or repeat.
with counted as (

    select
        agent_id,
        1 as agents,
        0 as statistics,
        0 as overviews,
        0 as conversations
    from {{ ref('stg_ai__agents') }}

    union all

    select
        agent_id,
        0 as agents,
        1 as statistics,
        0 as overviews,
        conversation_count as conversations
    from {{ ref('ai_agent_statistics') }}

    union all

    select
        id as agent_id,
        0 as agents,
        0 as statistics,
        1 as overviews,
        0 as conversations
    from {{ ref('v_agent_overview') }}

    union all

    -- those that began since the last full day may be younger than the statistics
    select
        agent_id,
        0 as agents,
        0 as statistics,
        0 as overviews,
        -count(*) as conversations
    from {{ ref('stg_ai__conversations') }}
    where created_at < {{ as_of_date() }}
        and agent_id in (select agent_id from {{ ref('stg_ai__agents') }})
    group by agent_id

)

select
    agent_id,
    sum(agents) as agents,
    sum(statistics) as statistics,
    sum(overviews) as overviews,
    sum(conversations) as conversations_of_today
from counted
group by agent_id
having sum(agents) <> 1
    or sum(statistics) <> 1
    or sum(overviews) <> 1
    or sum(conversations) < 0
