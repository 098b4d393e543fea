-- Within a tenant a larger figure never has a lower score, equal figures have the same one, and every buyer
-- is scored: the order of the ranking is what a swapped sort direction would turn round.
with scores as (

    select
        tenant_id,
        customer_id,
        last_order_date,
        total_orders,
        total_amount_cny,
        recency_score,
        frequency_score,
        monetary_score,
        lag(last_order_date) over (partition by tenant_id order by recency_score, last_order_date) as day_before,
        lag(total_orders) over (partition by tenant_id order by frequency_score, total_orders) as orders_before,
        lag(total_amount_cny) over (partition by tenant_id order by monetary_score, total_amount_cny)
            as amount_before,
        max(recency_score) over (partition by tenant_id, last_order_date) as recency_score_of_equals,
        max(frequency_score) over (partition by tenant_id, total_orders) as frequency_score_of_equals,
        max(monetary_score) over (partition by tenant_id, total_amount_cny) as monetary_score_of_equals
    from {{ ref('customer_rfm') }}

)

select customer_id
from scores
where last_order_date < day_before
    or total_orders < orders_before
    or total_amount_cny < amount_before
    or recency_score <> recency_score_of_equals
    or frequency_score <> frequency_score_of_equals
    or monetary_score <> monetary_score_of_equals

union all

select customers.customer_id
from {{ ref('stg_customer__customers') }} as customers
left join scores
    on scores.customer_id = customers.customer_id
where customers.total_orders > 0
    and customers.last_order_date is not null
    and scores.customer_id is null
