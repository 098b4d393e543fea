-- Sessions with an event in the window are numbered from 1 without a gap, in the order of time, and their
-- pauses add up to their length, also where they began before the window: numbers that begin anew at its
-- edge would pass every key.
with touched_sessions as (

    select distinct
        tenant_id,
        customer_id,
        session_id
    from {{ ref('customer_behavior_sequences') }}
    where event_time >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}

)

select
    steps.tenant_id,
    steps.customer_id,
    {{ by_code_point('steps.session_id') }} as session_id,
    count(*) as steps,
    min(steps.sequence_number) as first_number,
    max(steps.sequence_number) as last_number
from touched_sessions
inner join {{ ref('customer_behavior_sequences') }} as steps
    on steps.session_id = touched_sessions.session_id
        and steps.customer_id = touched_sessions.customer_id
        and steps.tenant_id = touched_sessions.tenant_id
group by
    steps.tenant_id,
    steps.customer_id,
    {{ by_code_point('steps.session_id') }}
having count(distinct steps.sequence_number) <> count(*)
    or min(steps.sequence_number) <> 1
    or max(steps.sequence_number) <> count(*)
    or min(steps.transition_time_seconds) < 0
    or coalesce(sum(steps.transition_time_seconds), 0)
    <> {{ seconds_between('min(steps.event_time)', 'max(steps.event_time)') }}
