-- One row per recorded behaviour event, those of unknown customers and behaviours included, without what
-- pages, devices and payloads say of a person. Events may be counted; values are CNY for purchases only,
-- so sum them within one behaviour.
-- On a full refresh a twin with foreign keys to the definitions needs them for itself, for a moment:
-- it goes first. depends_on: {{ ref('customer_behavior_statistics') }}
{{ config(materialized='window', window_column='occurred_at') }}

with events as (

    select
        event_id,
        tenant_id,
        customer_id,
        behavior_id,
        session_id,
        related_object_id,
        event_name,
        event_source,
        related_object_type,
        ip_address,
        location_info,
        event_value,
        duration_seconds,
        occurred_at,
        processed_at
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ window_start() }}
        and occurred_at < {{ window_end() }}

),

behaviors as (

    select
        behavior_id,
        behavior_code,
        behavior_name,
        behavior_category,
        behavior_type,
        is_positive
    from {{ ref('stg_customer__behavior_definitions') }}

)

select
    events.event_id,
    events.tenant_id,
    events.customer_id,
    events.behavior_id,
    events.session_id as tracker_session_id,
    {{ business_date('events.occurred_at') }} as event_date,
    behaviors.behavior_code,
    behaviors.behavior_name,
    behaviors.behavior_category,
    behaviors.behavior_type,
    behaviors.is_positive as is_positive_behavior,
    events.event_name,
    events.event_source,
    events.related_object_type,
    events.related_object_id,
    {{ generalise_ip('events.ip_address') }} as ip_network,
    {{ generalise_address('events.location_info') }} as province,
    events.event_value,
    events.duration_seconds,
    {{ seconds_between('events.occurred_at', 'events.processed_at') }} as processing_delay_seconds,
    events.processed_at,
    events.occurred_at
from events
left join behaviors
    on behaviors.behavior_id = events.behavior_id
