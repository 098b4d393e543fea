-- A tenant's paths hold all sessions that began in the 30 days while there are fewer than fifty of them,
-- and never more than these; ranks run without a gap and no path outranks one with more sessions.
with sessions_begun as (

    select
        tenant_id,
        count(*) as sessions
    from {{ ref('customer_behavior_sequences') }}
    where sequence_number = 1
        and event_time >= {{ add_days(as_of_date(), -29) }}
        and event_time < {{ add_days(as_of_date(), 1) }}
    group by tenant_id

),

shown as (

    select
        tenant_id,
        count(*) as paths,
        max(path_rank) as last_rank,
        sum(sessions) as sessions
    from {{ ref('behavior_paths') }}
    group by tenant_id

)

select
    sessions_begun.tenant_id,
    'sessions' as what_is_wrong
from sessions_begun
left join shown
    on shown.tenant_id = sessions_begun.tenant_id
where shown.tenant_id is null
    or shown.last_rank <> shown.paths
    or shown.sessions > sessions_begun.sessions
    or (shown.paths < 50 and shown.sessions < sessions_begun.sessions)

union all

select
    higher.tenant_id,
    'order' as what_is_wrong
from {{ ref('behavior_paths') }} as higher
inner join {{ ref('behavior_paths') }} as lower_one
    on lower_one.tenant_id = higher.tenant_id
        and lower_one.path_rank = higher.path_rank + 1
where lower_one.sessions > higher.sessions
