-- One row per attempt to pay for an order, failed ones among them. Count and sum what was received by
-- received_amount_cny, never by payment_amount_cny alone; a payment that was paid back is still one that
-- was received, and its refund stands beside it.
{{ config(
    primary_key=['payment_id'],
    indexes=[['order_id'], ['tenant_id', 'attempt_date'], ['settlement_status']]
) }}

with payments as (

    select
        payment_id,
        tenant_id,
        order_id,
        payment_no,
        payment_method,
        payment_channel,
        payment_type,
        currency,
        payment_status,
        case when {{ is_received_payment() }} then 1 else 0 end as received_flag,
        is_advance_payment,
        advance_payment_pct,
        payment_amount_cny,
        refund_amount_cny,
        refund_type,
        settlement_status,
        settlement_amount_cny,
        platform_fee_cny,
        provider_amount_cny,
        row_number() over (partition by order_id order by created_at, payment_id) as attempt_number,
        paid_at,
        notified_at,
        refunded_at,
        settled_at,
        created_at,
        updated_at
    from {{ ref('stg_business__payments') }}

),

orders as (

    select
        order_id,
        customer_id,
        assigned_provider_id,
        ordered_at
    from {{ ref('stg_business__orders') }}

)

select
    payments.payment_id,
    payments.tenant_id,
    payments.order_id,
    orders.customer_id,
    orders.assigned_provider_id,
    payments.payment_no,
    {{ business_date('payments.created_at') }} as attempt_date,
    {{ business_date('payments.paid_at') }} as paid_date,
    payments.attempt_number,
    payments.payment_method,
    payments.payment_channel,
    payments.payment_type,
    payments.currency,
    payments.payment_status,
    (payments.received_flag = 1) as is_received,
    payments.is_advance_payment,
    payments.advance_payment_pct,
    payments.payment_amount_cny,
    case when payments.received_flag = 1 then payments.payment_amount_cny else 0 end as received_amount_cny,
    case when payments.received_flag = 1 then coalesce(payments.refund_amount_cny, 0) else 0 end
        as refunded_amount_cny,
    case
        when payments.received_flag = 1
            then payments.payment_amount_cny - coalesce(payments.refund_amount_cny, 0)
        else 0
    end as kept_amount_cny,
    payments.refund_type,
    payments.settlement_status,
    payments.settlement_amount_cny,
    payments.platform_fee_cny,
    payments.provider_amount_cny,
    {{ seconds_between('orders.ordered_at', 'payments.paid_at') }} as payment_seconds,
    {{ seconds_between('payments.paid_at', 'payments.notified_at') }} as notification_seconds,
    payments.paid_at,
    payments.notified_at,
    payments.refunded_at,
    payments.settled_at,
    payments.created_at,
    payments.updated_at
from payments
left join orders
    on orders.order_id = payments.order_id
