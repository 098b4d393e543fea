-- Orders of each closed day that a build touches are those assigned, provider by provider: joins with items
-- and payments must neither drop an order nor repeat one, and no part exceeds its whole. What is split is
-- never more than what the day's orders were paid: a payment counted twice would be.
{%- set first_day = add_days(as_of_date(), -14) %}

with paid as (

    select
        orders.order_id,
        sum(payments.payment_amount_cny) as payment_amount_cny
    from {{ ref('stg_business__orders') }} as orders
    inner join {{ ref('stg_business__payments') }} as payments
        on payments.order_id = orders.order_id
    where orders.service_date >= {{ first_day }}
        and orders.service_date < {{ as_of_date() }}
        and payments.payment_status in ('success', 'refunded', 'partial_refunded')
    group by orders.order_id

),

counted as (

    select
        provider_id,
        stat_date,
        orders,
        platform_fee_cny + provider_amount_cny as unpaid_split_cny,
        case
            when cancelled_orders > orders
                or started_orders > orders
                or on_time_orders > started_orders
                or (avg_quality_score is null) <> (rated_items = 0)
                or (utilisation_pct is null) <> (slot_capacity = 0)
                then 1
            else 0
        end as is_contradictory
    from {{ ref('service_provider_daily') }}
    where stat_date >= {{ first_day }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        orders.assigned_provider_id as provider_id,
        orders.service_date as stat_date,
        -1 as orders,
        -coalesce(paid.payment_amount_cny, 0) as unpaid_split_cny,
        0 as is_contradictory
    from {{ ref('stg_business__orders') }} as orders
    left join paid
        on paid.order_id = orders.order_id
    where orders.service_date >= {{ first_day }}
        and orders.service_date < {{ as_of_date() }}
        and orders.assigned_provider_id is not null

)

select
    provider_id,
    stat_date,
    sum(orders) as orders_too_many,
    sum(unpaid_split_cny) as unpaid_split_cny,
    max(is_contradictory) as is_contradictory
from counted
group by
    provider_id,
    stat_date
having sum(orders) <> 0
    or sum(unpaid_split_cny) > 0
    or max(is_contradictory) = 1
