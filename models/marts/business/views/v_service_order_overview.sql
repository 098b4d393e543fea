-- One row per order, as it is now, with its items counted from their index, so that an order of three
-- items stays one row and its amounts are its own. Durations are whole units elapsed, NULL until both
-- ends are there; they and the mean quality must not be summed.

with orders as (

    select
        order_id,
        tenant_id,
        order_no,
        customer_id,
        order_type,
        order_status,
        payment_status,
        service_status,
        service_location_type,
        service_date,
        agreed_start_time,
        agreed_end_time,
        estimated_duration_minutes,
        actual_duration_minutes,
        total_amount_cny,
        paid_amount_cny,
        assigned_provider_id,
        ordered_at,
        paid_at,
        assigned_at,
        service_started_at,
        service_ended_at,
        completed_at,
        reschedule_count,
        created_at
    from {{ ref('stg_business__orders') }}

)

select
    orders.order_id as id,
    orders.tenant_id,
    orders.order_no,
    orders.customer_id,
    orders.order_type,
    orders.order_status,
    orders.payment_status,
    orders.service_status,
    orders.service_location_type,
    orders.service_date,
    orders.agreed_start_time as service_time_start,
    orders.agreed_end_time as service_time_end,
    orders.estimated_duration_minutes,
    orders.actual_duration_minutes,
    orders.total_amount_cny as total_amount,
    orders.paid_amount_cny as paid_amount,
    orders.assigned_provider_id,
    providers.provider_name,
    booked.service_item_count,
    booked.total_service_quantity,
    booked.avg_quality_score,
    orders.ordered_at as order_time,
    orders.paid_at as payment_time,
    orders.assigned_at as assigned_time,
    orders.service_started_at as service_start_time,
    orders.service_ended_at as service_end_time,
    orders.completed_at as complete_time,
    {{ hours_between('orders.ordered_at', 'orders.paid_at') }} as payment_duration_hours,
    {{ hours_between('orders.assigned_at', 'orders.service_started_at') }} as preparation_duration_hours,
    {{ minutes_between('orders.service_started_at', 'orders.service_ended_at') }}
        as actual_service_duration_minutes,
    orders.reschedule_count,
    orders.created_at
from orders
left join {{ ref('stg_business__providers') }} as providers
    on providers.provider_id = orders.assigned_provider_id
cross join lateral (
    select
        count(*) as service_item_count,
        coalesce(sum(items.quantity), 0) as total_service_quantity,
        -- 0 is the column's default: nobody gave a mark
        {{ exact_avg('nullif(items.quality_score, 0)', 2) }} as avg_quality_score
    from {{ ref('stg_business__order_items') }} as items
    where items.order_id = orders.order_id
) as booked
