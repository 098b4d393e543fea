-- One row per event of a known customer and behaviour: its place in its session. Nothing is to be summed;
-- a session's steps are counted by its highest sequence_number.
-- A session is the tracker's, however long; events without one are cut where more than half an hour
-- passes. Sessions that touch the window are placed whole: the window's events from the source, the
-- others from what was built before. A row with sequence_number 0 is no more.
-- Foreign keys of a twin need the parents for themselves, for a moment: on a full refresh the other table
-- with the same parents goes first. depends_on: {{ ref('customer_behavior_statistics') }}
{{ config(
    materialized='keyed_window',
    window_column='event_time',
    unique_key='id',
    gone_when='sequence_number = 0',
) }}

{%- set longest_pause_minutes = 30 -%}
{%- set session = "tenant_id, customer_id, " ~ by_code_point("coalesce(tracker_session_id, '')") -%}
{%- set in_order = 'event_time, ' ~ by_code_point('event_id') -%}

with window_events as (

    select
        event_id,
        tenant_id,
        customer_id,
        behavior_id,
        case when {{ dbt.length('session_id') }} > 0 then session_id end as tracker_session_id,
        occurred_at as event_time
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ window_start() }}
        and occurred_at < {{ window_end() }}

),

-- a pause before or after the window's edge may have been filled since
touched_sessions as (

    select
        placed_before.tenant_id,
        placed_before.customer_id,
        placed_before.session_id
    from {{ own_rows() }} as placed_before
    where placed_before.event_time >= {{ shift_time(window_start(), -longest_pause_minutes, 'minute') }}
        and placed_before.event_time < {{ shift_time(window_end(), longest_pause_minutes, 'minute') }}

    union distinct

    select
        tenant_id,
        customer_id,
        tracker_session_id as session_id
    from window_events
    where tracker_session_id is not null

),

rows_before as (

    select
        placed_before.id,
        placed_before.tenant_id,
        placed_before.customer_id,
        placed_before.session_id,
        placed_before.behavior_id,
        placed_before.event_id,
        placed_before.event_time,
        first_value(placed_before.event_id) over (
            partition by
                placed_before.tenant_id, placed_before.customer_id, {{ by_code_point('placed_before.session_id') }}
            order by placed_before.sequence_number
        ) as first_event_id
    from touched_sessions
    inner join {{ own_rows() }} as placed_before
        on placed_before.session_id = touched_sessions.session_id
            and placed_before.customer_id = touched_sessions.customer_id
            and placed_before.tenant_id = touched_sessions.tenant_id

),

all_events as (

    select
        event_id,
        tenant_id,
        customer_id,
        behavior_id,
        tracker_session_id,
        event_time
    from window_events

    union all

    select
        event_id,
        tenant_id,
        customer_id,
        behavior_id,
        case when session_id <> {{ auto_session_id('customer_id', 'first_event_id') }} then session_id end
            as tracker_session_id,
        event_time
    from rows_before
    where event_time < {{ window_start() }}
        or event_time >= {{ window_end() }}

),

known_events as (

    select
        all_events.event_id,
        all_events.tenant_id,
        all_events.customer_id,
        all_events.behavior_id,
        all_events.tracker_session_id,
        all_events.event_time,
        behaviors.behavior_code
    from all_events
    inner join {{ ref('stg_customer__customers') }} as customers
        on customers.customer_id = all_events.customer_id
    inner join {{ ref('stg_customer__behavior_definitions') }} as behaviors
        on behaviors.behavior_id = all_events.behavior_id

),

with_pause as (

    select
        known_events.*,
        {{ seconds_between('lag(event_time) over session_events', 'event_time') }} as pause_seconds
    from known_events
    window session_events as (partition by {{ session }} order by {{ in_order }})

),

with_session_number as (

    select
        with_pause.*,
        sum(
            case
                when tracker_session_id is null and pause_seconds > 60 * {{ longest_pause_minutes }} then 1
                else 0
            end
        ) over (
            partition by {{ session }}
            order by {{ in_order }}
            rows between unbounded preceding and current row
        ) as session_number
    from with_pause

),

placed as (

    select
        with_session_number.*,
        row_number() over session_steps as sequence_number,
        first_value(event_id) over session_steps as first_event_id,
        lag(behavior_code) over session_steps as previous_code,
        lead(behavior_code) over session_steps as next_code
    from with_session_number
    window session_steps as (partition by {{ session }}, session_number order by {{ in_order }})

),

sequences as (

    select
        {{ row_id(['event_id', 'event_time']) }} as id,
        tenant_id,
        customer_id,
        coalesce(tracker_session_id, {{ auto_session_id('customer_id', 'first_event_id') }}) as session_id,
        sequence_number,
        behavior_id,
        event_id,
        {{ json_object_of({'previous': 'previous_code', 'next': 'next_code'}) }} as path_context,
        case when sequence_number > 1 then pause_seconds end as transition_time_seconds,
        event_time
    from placed

)

select
    id,
    tenant_id,
    customer_id,
    session_id,
    sequence_number,
    behavior_id,
    event_id,
    path_context,
    transition_time_seconds,
    event_time
from sequences

union all

select
    rows_before.id,
    rows_before.tenant_id,
    rows_before.customer_id,
    rows_before.session_id,
    0 as sequence_number,
    rows_before.behavior_id,
    rows_before.event_id,
    null as path_context,
    null as transition_time_seconds,
    rows_before.event_time
from rows_before
left join sequences
    on sequences.id = rows_before.id
where sequences.id is null
