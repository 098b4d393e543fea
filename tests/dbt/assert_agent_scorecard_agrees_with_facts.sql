-- The scorecard's period counts what the facts hold for known agents: a period one day too long or short,
-- or figures joined to each other row by row, would go unnoticed by every key.
with counted as (

    select
        agent_id,
        calls,
        call_cost_cny,
        started_conversations,
        messages,
        dispatches
    from {{ ref('agent_scorecard') }}

    union all

    select
        agent_id,
        -sum(calls) as calls,
        -sum(cost_cny) as call_cost_cny,
        0 as started_conversations,
        0 as messages,
        0 as dispatches
    from {{ ref('ai_agent_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -29) }}
        and stat_date <= {{ as_of_date() }}
    group by agent_id

    union all

    select
        agent_id,
        0 as calls,
        0 as call_cost_cny,
        -count(*) as started_conversations,
        -sum(messages) as messages,
        0 as dispatches
    from {{ ref('fct_conversations') }}
    where conversation_date >= {{ add_days(as_of_date(), -29) }}
        and conversation_date <= {{ as_of_date() }}
    group by agent_id

    union all

    select
        agent_id,
        0 as calls,
        0 as call_cost_cny,
        0 as started_conversations,
        0 as messages,
        -count(*) as dispatches
    from {{ ref('fct_dispatches') }}
    where created_at >= {{ add_days(as_of_date(), -29) }}
        and created_at < {{ add_days(as_of_date(), 1) }}
    group by agent_id

)

select
    counted.agent_id,
    sum(counted.calls) as calls_too_many,
    sum(counted.started_conversations) as conversations_too_many,
    sum(counted.dispatches) as dispatches_too_many
from counted
inner join {{ ref('dim_agents') }} as agents
    on agents.agent_id = counted.agent_id
group by counted.agent_id
having sum(counted.calls) <> 0
    or sum(counted.call_cost_cny) <> 0
    or sum(counted.started_conversations) <> 0
    or sum(counted.messages) <> 0
    or sum(counted.dispatches) <> 0
