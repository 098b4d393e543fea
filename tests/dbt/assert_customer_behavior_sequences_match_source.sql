-- Every closed day that a build touches has a place for each event of a known customer and behaviour. A
-- session that was cut, or joined twice to another's rows, keeps all keys and loses or gains events.
with counted as (

    select
        tenant_id,
        {{ business_date('event_time') }} as event_date,
        1 as events
    from {{ ref('customer_behavior_sequences') }}
    where event_time >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and event_time < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('occurred_at') }} as event_date,
        -1 as events
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and occurred_at < {{ as_of_date() }}
        and customer_id in (select customer_id from {{ ref('stg_customer__customers') }})
        and behavior_id in (select behavior_id from {{ ref('stg_customer__behavior_definitions') }})

)

select
    tenant_id,
    event_date,
    sum(events) as events_too_many
from counted
group by
    tenant_id,
    event_date
having sum(events) <> 0
