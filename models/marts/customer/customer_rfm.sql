-- One row per customer with an order: recency, frequency and monetary value, each scored 1 to 5 against the
-- tenant's other customers with an order. Scores compare within a tenant only and must not be averaged over
-- tenants; amounts may be summed.
{{ config(primary_key=['customer_id'], indexes=[['tenant_id', 'rfm_code']]) }}

with buyers as (

    select
        customer_id,
        tenant_id,
        last_order_date,
        total_orders,
        coalesce(total_amount_cny, 0) as total_amount_cny
    from {{ ref('stg_customer__customers') }}
    where total_orders > 0
        and last_order_date is not null

),

-- percent_rank is (rank - 1) / (buyers - 1), kept as two integers: five times a double may fall short of
-- the whole number that it stands for
ranks as (

    select
        buyers.*,
        count(*) over (partition by tenant_id) - 1 as others,
        rank() over (partition by tenant_id order by last_order_date) - 1 as staler_buyers,
        rank() over (partition by tenant_id order by total_orders) - 1 as rarer_buyers,
        rank() over (partition by tenant_id order by total_amount_cny) - 1 as smaller_buyers
    from buyers

),

fifths as (

    select
        ranks.*,
        coalesce({{ integer_divide('5 * staler_buyers', 'others') }}, 0) as recency_fifth,
        coalesce({{ integer_divide('5 * rarer_buyers', 'others') }}, 0) as frequency_fifth,
        coalesce({{ integer_divide('5 * smaller_buyers', 'others') }}, 0) as monetary_fifth
    from ranks

),

scores as (

    select
        fifths.*,
        {{ cast_to('1 + ' ~ least_of(['4', 'recency_fifth']), 'int') }} as recency_score,
        {{ cast_to('1 + ' ~ least_of(['4', 'frequency_fifth']), 'int') }} as frequency_score,
        {{ cast_to('1 + ' ~ least_of(['4', 'monetary_fifth']), 'int') }} as monetary_score
    from fifths

)

select
    customer_id,
    tenant_id,
    last_order_date,
    {{ days_between('last_order_date', as_of_date()) }} as days_since_last_order,
    total_orders,
    total_amount_cny,
    recency_score,
    frequency_score,
    monetary_score,
    recency_score + frequency_score + monetary_score as rfm_score,
    {{ cast_to('100 * recency_score + 10 * frequency_score + monetary_score', 'varchar(3)') }} as rfm_code
from scores
