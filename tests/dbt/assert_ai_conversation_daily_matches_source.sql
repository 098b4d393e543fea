-- Conversations of each closed day among the 35 that a build touches are the source's, agent by agent, and
-- no part exceeds its whole. States and ratings change after the build, the day a conversation began
-- never does, so only that is held against the source.
with counted as (

    select
        tenant_id,
        agent_id,
        stat_date,
        started_conversations as conversations,
        case
            when completed_conversations + abandoned_conversations + archived_conversations
                > started_conversations
                or rated_conversations > started_conversations
                or positive_feedback_count + negative_feedback_count + neutral_feedback_count > messages
                or (avg_satisfaction_score is null) <> (rated_conversations = 0)
                then 1
            else 0
        end as is_contradictory
    from {{ ref('ai_conversation_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -35) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        agent_id,
        {{ business_date('created_at') }} as stat_date,
        -count(*) as conversations,
        0 as is_contradictory
    from {{ ref('stg_ai__conversations') }}
    where created_at >= {{ add_days(as_of_date(), -35) }}
        and created_at < {{ as_of_date() }}
    group by
        tenant_id,
        agent_id,
        {{ business_date('created_at') }}

)

select
    tenant_id,
    agent_id,
    stat_date,
    sum(conversations) as conversations_too_many,
    max(is_contradictory) as is_contradictory
from counted
group by
    tenant_id,
    agent_id,
    stat_date
having sum(conversations) <> 0
    or max(is_contradictory) = 1
