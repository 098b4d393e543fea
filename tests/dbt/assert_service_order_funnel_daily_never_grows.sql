-- The funnel of each of the 60 cohort days begins with all orders of the source and never grows; a median
-- stands only where somebody went that way, and no time runs backwards.
with counted as (

    select
        tenant_id,
        stat_date,
        placed_orders,
        case
            when paid_orders > placed_orders
                or confirmed_orders > paid_orders
                or assigned_orders > confirmed_orders
                or started_orders > assigned_orders
                or completed_orders > started_orders
                or coalesce(p50_placed_to_paid_minutes, 0) < 0
                or coalesce(p50_paid_to_confirmed_minutes, 0) < 0
                or coalesce(p50_confirmed_to_assigned_minutes, 0) < 0
                or coalesce(p50_assigned_to_started_minutes, 0) < 0
                or coalesce(p50_started_to_completed_minutes, 0) < 0
                or (paid_orders = 0 and p50_placed_to_paid_minutes is not null)
                or (completed_orders = 0 and p50_started_to_completed_minutes is not null)
                then 1
            else 0
        end as grows
    from {{ ref('service_order_funnel_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -60) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('ordered_at') }} as stat_date,
        -1 as placed_orders,
        0 as grows
    from {{ ref('stg_business__orders') }}
    where ordered_at >= {{ add_days(as_of_date(), -60) }}
        and ordered_at < {{ as_of_date() }}

)

select
    tenant_id,
    stat_date,
    sum(placed_orders) as orders_too_many,
    max(grows) as grows
from counted
group by
    tenant_id,
    stat_date
having sum(placed_orders) <> 0
    or max(grows) = 1
