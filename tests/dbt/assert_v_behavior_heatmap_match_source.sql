-- The closed days of the heat map hold every event of a defined behaviour once: names and categories that
-- several behaviours share must neither lose an event nor count it twice.
with counted as (

    select
        tenant_id,
        event_date,
        total_events as events,
        total_event_value as event_value
    from {{ ref('v_behavior_heatmap') }}
    where event_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('occurred_at') }} as event_date,
        -1 as events,
        -coalesce(event_value, 0) as event_value
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ add_days(as_of_date(), -6) }}
        and occurred_at < {{ as_of_date() }}
        and behavior_id in (select behavior_id from {{ ref('stg_customer__behavior_definitions') }})

)

select
    tenant_id,
    event_date,
    sum(events) as events_too_many,
    sum(event_value) as value_too_much
from counted
group by
    tenant_id,
    event_date
having sum(events) <> 0
    or sum(event_value) <> 0
