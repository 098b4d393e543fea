-- Every customer is there with its own figures, and a value stands exactly where an order does. The horizon
-- is twice the lifespan at least, so that nobody is worth less than twice what it ordered, rounding aside.
with compared as (

    select
        customers.customer_id,
        customers.total_orders,
        customers.total_amount_cny,
        customers.first_order_date,
        figures.customer_id as valued_customer_id,
        figures.total_orders as valued_orders,
        figures.total_amount_cny as valued_amount_cny,
        figures.avg_order_amount_cny,
        figures.lifetime_value_cny
    from {{ ref('stg_customer__customers') }} as customers
    left join {{ ref('customer_lifetime_value') }} as figures
        on figures.customer_id = customers.customer_id

)

select customer_id
from compared
where valued_customer_id is null
    or valued_orders <> coalesce(total_orders, 0)
    or valued_amount_cny <> coalesce(total_amount_cny, 0)
    or (total_orders > 0 and first_order_date is not null and lifetime_value_cny is null)
    or (coalesce(total_orders, 0) = 0 and lifetime_value_cny is not null)
    or lifetime_value_cny < 2 * avg_order_amount_cny * valued_orders - 0.01
