-- Every closed day that a build touches has as many events and as much value per tenant as the source
-- holds of known customers and of behaviours with statistics. Keys and foreign keys would not notice a
-- day that was dropped, or one whose events were counted twice.
with counted as (

    select
        tenant_id,
        stat_date,
        event_count as events,
        total_value
    from {{ ref('customer_behavior_statistics') }}
    where stat_period = 'day'
        and stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        customers.tenant_id,
        {{ business_date('events.occurred_at') }} as stat_date,
        -1 as events,
        -coalesce(events.event_value, 0) as total_value
    from {{ ref('stg_customer__behavior_events') }} as events
    inner join {{ ref('stg_customer__customers') }} as customers
        on customers.customer_id = events.customer_id
    where events.occurred_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and events.occurred_at < {{ as_of_date() }}
        and events.behavior_id in (
            select behavior_id
            from {{ ref('stg_customer__behavior_definitions') }}
            where has_statistics
        )

)

select
    tenant_id,
    stat_date,
    sum(events) as events_too_many,
    sum(total_value) as value_too_much
from counted
group by
    tenant_id,
    stat_date
having sum(events) <> 0
    or sum(total_value) <> 0
