-- One row per tenant, behaviour name, business day and hour with an event in the last 7 days, as_of's day
-- included. Events and values may be summed; a customer is in many hours, so that unique_customers may
-- not, and the mean must not be averaged. Events of behaviours without a definition have no name to be
-- shown under and are left out.

with behaviors as (

    select
        behavior_id,
        behavior_name,
        behavior_category
    from {{ ref('stg_customer__behavior_definitions') }}

),

events as (

    select
        tenant_id,
        customer_id,
        behavior_id,
        event_value,
        {{ business_date('occurred_at') }} as event_date,
        {{ hour_of('occurred_at') }} as event_hour
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ add_days(as_of_date(), -6) }}
        and occurred_at < {{ add_days(as_of_date(), 1) }}

)

-- a name may stand for several behaviours, whose categories may differ: the first one is shown
select
    events.tenant_id,
    {{ by_code_point('behaviors.behavior_name') }} as behavior_name,
    min({{ by_code_point('behaviors.behavior_category') }}) as behavior_category,
    count(distinct events.customer_id) as unique_customers,
    count(*) as total_events,
    {{ exact_avg('events.event_value', 2) }} as avg_event_value,
    coalesce(sum(events.event_value), 0) as total_event_value,
    events.event_date,
    events.event_hour
from events
inner join behaviors
    on behaviors.behavior_id = events.behavior_id
group by
    events.tenant_id,
    {{ by_code_point('behaviors.behavior_name') }},
    events.event_date,
    events.event_hour
