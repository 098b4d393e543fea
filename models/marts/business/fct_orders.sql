-- One row per service order, in its present state, people left out. Amounts may be summed; agreed ones
-- (total, revenue) and those that moved (received, refunded) are different things and never added up.
-- Money is summed over all payments of the order: a refund may be larger than any single one of them.
{{ config(
    primary_key=['order_id'],
    indexes=[
        ['tenant_id', 'order_date'],
        ['assigned_provider_id', 'service_date'],
        ['customer_id', 'order_date'],
    ]
) }}

with orders as (

    select
        order_id,
        tenant_id,
        order_no,
        customer_id,
        assigned_provider_id,
        parent_order_id,
        order_source,
        order_type,
        customer_type,
        service_location_type,
        service_address,
        provider_assignment_method,
        order_status,
        payment_status,
        service_status,
        cancelled_by_party,
        coupon_codes,
        subtotal_cny,
        service_fee_cny,
        travel_fee_cny,
        material_fee_cny,
        discount_amount_cny,
        tax_amount_cny,
        total_amount_cny,
        cancellation_fee_cny,
        reschedule_count,
        rescheduled_from_date,
        risk_level,
        risk_score,
        is_recurring,
        is_suspicious,
        service_date,
        agreed_start_time,
        agreed_end_time,
        estimated_duration_minutes,
        actual_duration_minutes,
        ordered_at,
        paid_at,
        confirmed_at,
        assigned_at,
        service_started_at,
        service_ended_at,
        completed_at,
        cancelled_at,
        created_at,
        updated_at
    from {{ ref('stg_business__orders') }}

),

item_figures as (

    select
        order_id,
        count(*) as items,
        count(distinct service_id) as services,
        coalesce(sum(quantity), 0) as quantity,
        -- 0 is the column's default: nobody gave a mark
        {{ exact_avg('nullif(quality_score, 0)', 2) }} as avg_quality_score
    from {{ ref('stg_business__order_items') }}
    group by order_id

),

payment_figures as (

    select
        order_id,
        count(*) as payment_attempts,
        {{ count_if(is_received_payment()) }} as payments,
        {{ sum_if('payment_amount_cny', is_received_payment()) }} as received_amount_cny,
        {{ sum_if('refund_amount_cny', is_received_payment()) }} as refunded_amount_cny,
        max(refunded_at) as refunded_at
    from {{ ref('stg_business__payments') }}
    group by order_id

)

select
    orders.order_id,
    orders.tenant_id,
    orders.order_no,
    orders.customer_id,
    orders.assigned_provider_id,
    orders.parent_order_id,
    {{ business_date('orders.ordered_at') }} as order_date,
    orders.service_date,
    orders.agreed_start_time,
    orders.agreed_end_time,
    orders.order_source,
    orders.order_type,
    orders.customer_type,
    orders.service_location_type,
    {{ generalise_address('orders.service_address') }} as service_province,
    orders.provider_assignment_method,
    orders.order_status,
    orders.payment_status,
    orders.service_status,
    {{ is_cancelled_order('orders.order_status', 'orders.cancelled_at') }} as is_cancelled,
    orders.cancelled_by_party,
    coalesce(item_figures.items, 0) as items,
    coalesce(item_figures.services, 0) as services,
    coalesce(item_figures.quantity, 0) as quantity,
    item_figures.avg_quality_score,
    orders.subtotal_cny,
    orders.service_fee_cny,
    orders.travel_fee_cny,
    orders.material_fee_cny,
    orders.discount_amount_cny,
    orders.tax_amount_cny,
    orders.total_amount_cny,
    case when orders.order_status in ('cancelled', 'refunded') then 0 else orders.total_amount_cny end
        as revenue_cny,
    orders.cancellation_fee_cny,
    coalesce(payment_figures.payment_attempts, 0) as payment_attempts,
    coalesce(payment_figures.payments, 0) as payments,
    coalesce(payment_figures.received_amount_cny, 0) as received_amount_cny,
    coalesce(payment_figures.refunded_amount_cny, 0) as refunded_amount_cny,
    coalesce(payment_figures.received_amount_cny, 0) - coalesce(payment_figures.refunded_amount_cny, 0)
        as kept_amount_cny,
    coalesce({{ json_size('orders.coupon_codes') }}, 0) as coupons,
    orders.is_recurring,
    (orders.reschedule_count > 0) as is_rescheduled,
    orders.reschedule_count,
    orders.rescheduled_from_date,
    {{ days_between('orders.rescheduled_from_date', 'orders.service_date') }} as rescheduled_days,
    orders.risk_level,
    orders.risk_score,
    orders.is_suspicious,
    orders.estimated_duration_minutes,
    orders.actual_duration_minutes,
    {{ is_on_time('orders.service_date', 'orders.agreed_start_time', 'orders.service_started_at') }} as is_on_time,
    {{ seconds_between(
        at_time('orders.service_date', 'orders.agreed_start_time'),
        'orders.service_started_at'
    ) }} as start_delay_seconds,
    {{ seconds_between('orders.ordered_at', 'orders.paid_at') }} as payment_seconds,
    {{ seconds_between('orders.service_started_at', 'orders.service_ended_at') }} as service_seconds,
    orders.ordered_at,
    orders.paid_at,
    orders.confirmed_at,
    orders.assigned_at,
    orders.service_started_at,
    orders.service_ended_at,
    orders.completed_at,
    orders.cancelled_at,
    payment_figures.refunded_at,
    orders.created_at,
    orders.updated_at
from orders
left join item_figures
    on item_figures.order_id = orders.order_id
left join payment_figures
    on payment_figures.order_id = orders.order_id
