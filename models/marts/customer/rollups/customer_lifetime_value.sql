-- One row per customer: what it is worth by its orders so far, from the customer's own row as of now.
-- lifetime_value_cny may be summed over customers (NULL: no orders yet); the mean, the rate and the
-- months must not.
{{ config(
    materialized='table',
    primary_key=['customer_id'],
    indexes=[['tenant_id', 'lifetime_value_cny']]
) }}

with customers as (

    select
        customer_id,
        tenant_id,
        total_orders,
        total_amount_cny,
        avg_order_amount_cny,
        first_order_date,
        last_order_date
    from {{ ref('stg_customer__customers') }}

),

lifespans as (

    select
        customers.*,
        case
            when total_orders > 0
                then {{ greatest_of([months_between('first_order_date', 'last_order_date'), '1']) }}
        end as lifespan_months
    from customers

),

horizons as (

    select
        lifespans.*,
        {{ greatest_of(['2 * lifespan_months', '12']) }} as horizon_months
    from lifespans

)

select
    customer_id,
    tenant_id,
    coalesce(total_orders, 0) as total_orders,
    coalesce(total_amount_cny, 0) as total_amount_cny,
    case when total_orders > 0 then avg_order_amount_cny end as avg_order_amount_cny,
    first_order_date,
    last_order_date,
    {{ cast_to('lifespan_months', 'int') }} as lifespan_months,
    case when total_orders > 0 then {{ exact_divide('total_orders', 'lifespan_months', 2) }} end
        as orders_per_month,
    {{ cast_to('horizon_months', 'int') }} as horizon_months,
    case
        when total_orders > 0
            -- one rounding: average x (orders / lifespan) x horizon with the division last
            then {{ exact_divide(
                'cast(avg_order_amount_cny as decimal(20, 2)) * total_orders * horizon_months',
                'lifespan_months', 2
            ) }}
    end as lifetime_value_cny
from horizons
