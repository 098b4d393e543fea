-- What an order received, had paid back and kept is what its payments say, to the cent: payments joined to
-- lines would be counted once a line, and a refund over several payments would be cut to one.
with counted as (

    select
        order_id,
        payments,
        received_amount_cny,
        refunded_amount_cny,
        kept_amount_cny
    from {{ ref('fct_orders') }}
    where created_at < {{ as_of_date() }}

    union all

    select
        fct_payments.order_id,
        -1 as payments,
        -fct_payments.received_amount_cny as received_amount_cny,
        -fct_payments.refunded_amount_cny as refunded_amount_cny,
        -fct_payments.kept_amount_cny as kept_amount_cny
    from {{ ref('fct_payments') }} as fct_payments
    inner join {{ ref('fct_orders') }} as fct_orders
        on fct_orders.order_id = fct_payments.order_id
    where fct_orders.created_at < {{ as_of_date() }}
        and fct_payments.is_received

)

select
    order_id,
    sum(payments) as payments_too_many,
    sum(received_amount_cny) as received_too_much,
    sum(refunded_amount_cny) as refunded_too_much
from counted
group by order_id
having sum(payments) <> 0
    or sum(received_amount_cny) <> 0
    or sum(refunded_amount_cny) <> 0
    or sum(kept_amount_cny) <> 0
