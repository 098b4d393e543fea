-- The application keeps what was paid and paid back on the order as well. Where the two part, somebody
-- wrote one and not the other: a warning, for the marts go by the payments.
{{ config(severity='warn', store_failures=true) }}

select fct_orders.order_id
from {{ ref('fct_orders') }} as fct_orders
inner join {{ ref('stg_business__orders') }} as orders
    on orders.order_id = fct_orders.order_id
where fct_orders.received_amount_cny <> orders.paid_amount_cny
    or fct_orders.refunded_amount_cny <> orders.refund_amount_cny
    or fct_orders.kept_amount_cny < 0
