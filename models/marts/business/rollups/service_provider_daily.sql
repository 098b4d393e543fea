-- One row per service provider and business day for which an order was assigned to it, or on which it had
-- slots; the day is the order's service_date in force. Counts, revenue, fees and slots may be summed over
-- providers and days; rates and the mean may not. Revenue is what was agreed, the split what was paid:
-- they differ by what is unpaid or partly paid back. Refunds and settlements follow the service by days,
-- so two weeks are rebuilt.
{{ config(window_column='stat_date', lookback_days=14) }}

with orders as (

    select
        order_id,
        tenant_id,
        assigned_provider_id as provider_id,
        service_date as stat_date,
        case when order_status in ('cancelled', 'refunded') then 0 else total_amount_cny end as revenue_cny,
        case when {{ is_cancelled_order() }} then 1 else 0 end as is_cancelled,
        {{ is_on_time('service_date', 'agreed_start_time', 'service_started_at') }} as is_on_time
    from {{ ref('stg_business__orders') }}
    where service_date >= {{ window_start() }}
        and service_date < {{ window_end() }}
        and assigned_provider_id is not null

),

-- items and payments are summed per order before they meet: an order of three items that was paid in
-- two parts is neither paid three times nor rated twice
item_figures as (

    select
        orders.order_id,
        -- 0 is the column's default: nobody gave a mark
        count(nullif(items.quality_score, 0)) as rated_items,
        coalesce(sum(items.quality_score), 0) as quality_score_sum
    from orders
    inner join {{ ref('stg_business__order_items') }} as items
        on items.order_id = orders.order_id
    group by orders.order_id

),

payment_figures as (

    select
        orders.order_id,
        coalesce(sum(payments.platform_fee_cny), 0) as platform_fee_cny,
        coalesce(sum(payments.provider_amount_cny), 0) as provider_amount_cny
    from orders
    inner join {{ ref('stg_business__payments') }} as payments
        on payments.order_id = orders.order_id
    where payments.payment_status = 'success'
    group by orders.order_id

),

figures as (

    select
        orders.provider_id,
        orders.tenant_id,
        orders.stat_date,
        1 as orders,
        orders.is_cancelled as cancelled_orders,
        orders.revenue_cny,
        coalesce(payment_figures.platform_fee_cny, 0) as platform_fee_cny,
        coalesce(payment_figures.provider_amount_cny, 0) as provider_amount_cny,
        case when orders.is_on_time is null then 0 else 1 end as started_orders,
        case when orders.is_on_time then 1 else 0 end as on_time_orders,
        coalesce(item_figures.rated_items, 0) as rated_items,
        coalesce(item_figures.quality_score_sum, 0) as quality_score_sum,
        0 as slot_bookings,
        0 as slot_capacity
    from orders
    left join item_figures
        on item_figures.order_id = orders.order_id
    left join payment_figures
        on payment_figures.order_id = orders.order_id

    union all

    select
        provider_id,
        min(tenant_id) as tenant_id,
        slot_date as stat_date,
        0 as orders,
        0 as cancelled_orders,
        0 as revenue_cny,
        0 as platform_fee_cny,
        0 as provider_amount_cny,
        0 as started_orders,
        0 as on_time_orders,
        0 as rated_items,
        0 as quality_score_sum,
        coalesce(sum(current_bookings), 0) as slot_bookings,
        coalesce(sum(max_bookings), 0) as slot_capacity
    from {{ ref('stg_business__time_slots') }}
    where slot_date >= {{ window_start() }}
        and slot_date < {{ window_end() }}
        and provider_id is not null
        and (status not in ('cancelled', 'blocked') or status is null)
    group by
        provider_id,
        slot_date

)

select
    provider_id,
    min(tenant_id) as tenant_id,
    stat_date,
    sum(orders) as orders,
    sum(cancelled_orders) as cancelled_orders,
    sum(revenue_cny) as revenue_cny,
    sum(platform_fee_cny) as platform_fee_cny,
    sum(provider_amount_cny) as provider_amount_cny,
    sum(slot_bookings) as slot_bookings,
    sum(slot_capacity) as slot_capacity,
    {{ percentage('sum(slot_bookings)', 'sum(slot_capacity)') }} as utilisation_pct,
    sum(started_orders) as started_orders,
    sum(on_time_orders) as on_time_orders,
    {{ percentage('sum(on_time_orders)', 'sum(started_orders)') }} as on_time_pct,
    sum(rated_items) as rated_items,
    {{ exact_divide('sum(quality_score_sum)', 'sum(rated_items)', 2) }} as avg_quality_score
from figures
group by
    provider_id,
    stat_date
