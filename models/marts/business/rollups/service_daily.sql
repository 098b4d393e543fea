-- One row per service and business day for which an order agreed on it, or on which it offered slots; the
-- day is the one in force, so a rescheduled order stands on its new day alone. An order of several
-- services counts once at each: sum orders over days, never over services. Items, revenue and slots may
-- be summed; rates and the mean may not. Refunds follow the service by days, so two weeks are rebuilt.
{{ config(window_column='stat_date', lookback_days=14) }}

with order_lines as (

    select
        items.service_id,
        items.order_id,
        orders.tenant_id,
        orders.service_date as stat_date,
        items.final_price_cny,
        case
            when orders.order_status in ('cancelled', 'refunded') or items.service_status = 'cancelled' then 0
            else 1
        end as is_earned,
        case
            when {{ is_cancelled_order('orders.order_status', 'orders.cancelled_at') }}
                or items.service_status = 'cancelled'
                then 1
            else 0
        end as is_cancelled,
        {{ is_on_time('orders.service_date', 'orders.agreed_start_time', 'items.actual_started_at') }}
            as is_on_time,
        -- 0 is the column's default: nobody gave a mark
        nullif(items.quality_score, 0) as quality_score
    from {{ ref('stg_business__orders') }} as orders
    inner join {{ ref('stg_business__order_items') }} as items
        on items.order_id = orders.order_id
    where orders.service_date >= {{ window_start() }}
        and orders.service_date < {{ window_end() }}

),

-- an order may hold a service twice, in two variants: it is one order all the same
service_orders as (

    select
        service_id,
        stat_date,
        order_id,
        min(tenant_id) as tenant_id,
        min(is_cancelled) as is_cancelled,
        count(*) as items,
        {{ sum_if('final_price_cny', 'is_earned = 1') }} as revenue_cny,
        count(is_on_time) as started_items,
        {{ count_if('is_on_time') }} as on_time_items,
        count(quality_score) as rated_items,
        coalesce(sum(quality_score), 0) as quality_score_sum
    from order_lines
    group by
        service_id,
        stat_date,
        order_id

),

figures as (

    select
        service_id,
        stat_date,
        min(tenant_id) as tenant_id,
        count(*) as orders,
        sum(is_cancelled) as cancelled_orders,
        sum(items) as items,
        sum(revenue_cny) as revenue_cny,
        sum(started_items) as started_items,
        sum(on_time_items) as on_time_items,
        sum(rated_items) as rated_items,
        sum(quality_score_sum) as quality_score_sum,
        0 as slot_bookings,
        0 as slot_capacity
    from service_orders
    group by
        service_id,
        stat_date

    union all

    select
        service_id,
        slot_date as stat_date,
        min(tenant_id) as tenant_id,
        0 as orders,
        0 as cancelled_orders,
        0 as items,
        0 as revenue_cny,
        0 as started_items,
        0 as on_time_items,
        0 as rated_items,
        0 as quality_score_sum,
        coalesce(sum(current_bookings), 0) as slot_bookings,
        coalesce(sum(max_bookings), 0) as slot_capacity
    from {{ ref('stg_business__time_slots') }}
    where slot_date >= {{ window_start() }}
        and slot_date < {{ window_end() }}
        and (status not in ('cancelled', 'blocked') or status is null)
    group by
        service_id,
        slot_date

)

select
    service_id,
    min(tenant_id) as tenant_id,
    stat_date,
    sum(orders) as orders,
    sum(cancelled_orders) as cancelled_orders,
    sum(items) as items,
    sum(revenue_cny) as revenue_cny,
    sum(slot_bookings) as slot_bookings,
    sum(slot_capacity) as slot_capacity,
    {{ percentage('sum(slot_bookings)', 'sum(slot_capacity)') }} as utilisation_pct,
    sum(started_items) as started_items,
    sum(on_time_items) as on_time_items,
    {{ percentage('sum(on_time_items)', 'sum(started_items)') }} as on_time_pct,
    sum(rated_items) as rated_items,
    {{ exact_divide('sum(quality_score_sum)', 'sum(rated_items)', 2) }} as avg_quality_score
from figures
group by
    service_id,
    stat_date
