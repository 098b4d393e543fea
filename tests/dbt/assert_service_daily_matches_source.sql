-- Items and slots of each closed day that a build touches are the source's, service by service, and no part
-- exceeds its whole. Items reach their day through their order, so one whose order is not found would
-- vanish unseen, and one joined twice would double. Refunds change revenue after the build, so that is
-- not held against the source here.
{%- set first_day = add_days(as_of_date(), -14) %}

with counted as (

    select
        service_id,
        stat_date,
        items,
        slot_capacity,
        case
            when orders > items
                or cancelled_orders > orders
                or on_time_items > started_items
                or started_items > items
                or rated_items > items
                or (avg_quality_score is null) <> (rated_items = 0)
                or (utilisation_pct is null) <> (slot_capacity = 0)
                or revenue_cny < 0
                then 1
            else 0
        end as is_contradictory
    from {{ ref('service_daily') }}
    where stat_date >= {{ first_day }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        items.service_id,
        orders.service_date as stat_date,
        -1 as items,
        0 as slot_capacity,
        0 as is_contradictory
    from {{ ref('stg_business__order_items') }} as items
    inner join {{ ref('stg_business__orders') }} as orders
        on orders.order_id = items.order_id
    where orders.service_date >= {{ first_day }}
        and orders.service_date < {{ as_of_date() }}

    union all

    select
        service_id,
        slot_date as stat_date,
        0 as items,
        -max_bookings as slot_capacity,
        0 as is_contradictory
    from {{ ref('stg_business__time_slots') }}
    where slot_date >= {{ first_day }}
        and slot_date < {{ as_of_date() }}
        and status in ('available', 'booked', 'completed')

)

select
    service_id,
    stat_date,
    sum(items) as items_too_many,
    sum(slot_capacity) as places_too_many,
    max(is_contradictory) as is_contradictory
from counted
group by
    service_id,
    stat_date
having sum(items) <> 0
    or sum(slot_capacity) <> 0
    or max(is_contradictory) = 1
