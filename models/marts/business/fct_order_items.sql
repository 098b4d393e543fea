-- One row per line of an order, with what was sold, at the price of then. Lines without a variant are the
-- plain service and stay. Prices and fees may be summed over lines, unit prices and scores may not; the
-- order's own discount and travel fee are already shared out here, so never add the order's to them.
{{ config(
    primary_key=['order_item_id'],
    indexes=[['order_id'], ['service_id', 'service_date'], ['tenant_id', 'order_date']]
) }}

with items as (

    select
        order_item_id,
        tenant_id,
        order_id,
        service_id,
        variant_id,
        time_slot_id,
        service_name,
        variant_name,
        service_level,
        service_status,
        quantity,
        duration_minutes,
        unit_price_cny,
        subtotal_cny,
        base_service_fee_cny,
        travel_fee_cny,
        material_fee_cny,
        overtime_fee_cny,
        discount_amount_cny,
        final_price_cny,
        completion_rate_pct,
        quality_score,
        customer_satisfaction,
        actual_duration_minutes,
        actual_started_at,
        actual_ended_at,
        created_at,
        updated_at
    from {{ ref('stg_business__order_items') }}

),

orders as (

    select
        order_id,
        customer_id,
        assigned_provider_id,
        order_status,
        cancelled_at,
        service_date,
        agreed_start_time,
        ordered_at
    from {{ ref('stg_business__orders') }}

),

services as (

    select
        service_id,
        category_id
    from {{ ref('stg_business__services') }}

),

variants as (

    select
        variant_id,
        variant_code
    from {{ ref('stg_business__variants') }}

)

select
    items.order_item_id,
    items.tenant_id,
    items.order_id,
    orders.customer_id,
    orders.assigned_provider_id,
    items.service_id,
    services.category_id,
    items.variant_id,
    variants.variant_code,
    items.time_slot_id,
    {{ business_date('orders.ordered_at') }} as order_date,
    orders.service_date,
    items.service_name,
    items.variant_name,
    items.service_level,
    orders.order_status,
    items.service_status,
    coalesce(
        {{ is_cancelled_order('orders.order_status', 'orders.cancelled_at') }}
        or items.service_status = 'cancelled',
        false
    ) as is_cancelled,
    items.quantity,
    items.unit_price_cny,
    items.subtotal_cny,
    items.base_service_fee_cny,
    items.travel_fee_cny,
    items.material_fee_cny,
    items.overtime_fee_cny,
    items.discount_amount_cny,
    items.final_price_cny,
    case
        when orders.order_status in ('cancelled', 'refunded') or items.service_status = 'cancelled' then 0
        else items.final_price_cny
    end as revenue_cny,
    items.completion_rate_pct,
    -- 0 is the column's default: nobody gave a mark
    nullif(items.quality_score, 0) as quality_score,
    items.customer_satisfaction,
    items.duration_minutes,
    items.actual_duration_minutes,
    {{ is_on_time('orders.service_date', 'orders.agreed_start_time', 'items.actual_started_at') }} as is_on_time,
    items.actual_started_at,
    items.actual_ended_at,
    items.created_at,
    items.updated_at
from items
left join orders
    on orders.order_id = items.order_id
left join services
    on services.service_id = items.service_id
left join variants
    on variants.variant_id = items.variant_id
