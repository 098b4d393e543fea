with source as (

    select * from {{ rows_of(source('business', 'service_order_payments')) }}

),

renamed as (

    select
        -- ids
        id as payment_id,
        tenant_id,
        order_id,

        -- text
        payment_no,
        payment_method,
        payment_channel,
        payment_type,
        currency,
        payment_status,
        gateway_order_no,
        gateway_transaction_no,
        gateway_response,
        refund_reason,
        refund_type,
        settlement_status,

        -- numbers
        payment_amount as payment_amount_cny,
        advance_payment_percentage as advance_payment_pct,
        refund_amount as refund_amount_cny,
        settlement_amount as settlement_amount_cny,
        platform_fee as platform_fee_cny,
        provider_amount as provider_amount_cny,

        -- booleans
        is_advance_payment,

        -- dates and times
        payment_time as paid_at,
        notify_time as notified_at,
        refund_time as refunded_at,
        settlement_time as settled_at,
        created_at,
        updated_at
    from source

)

select * from renamed
