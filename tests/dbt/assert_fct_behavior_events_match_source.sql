-- Every closed day that a build touches has as many events per tenant as the source, strangers included.
-- Keys and relationships would not notice a dropped day or an event whose behaviour nobody defined.
with counted as (

    select
        tenant_id,
        event_date,
        1 as events
    from {{ ref('fct_behavior_events') }}
    where occurred_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and occurred_at < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('occurred_at') }} as event_date,
        -1 as events
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and occurred_at < {{ as_of_date() }}

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
