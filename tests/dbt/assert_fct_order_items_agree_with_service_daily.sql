-- Lines and statistics give each service the same revenue on each closed day that a build touches: a
-- rescheduled order on its new day alone, nothing of cancelled and refunded ones, plain services included.
with counted as (

    select
        service_id,
        service_date,
        sum(revenue_cny) as revenue_cny,
        count(*) as items
    from {{ ref('fct_order_items') }}
    where service_date >= {{ add_days(as_of_date(), -14) }}
        and service_date < {{ as_of_date() }}
    group by service_id, service_date

    union all

    select
        service_id,
        stat_date as service_date,
        -revenue_cny as revenue_cny,
        -items as items
    from {{ ref('service_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -14) }}
        and stat_date < {{ as_of_date() }}

)

select
    service_id,
    service_date,
    sum(revenue_cny) as revenue_too_much,
    sum(items) as items_too_many
from counted
group by service_id, service_date
having sum(revenue_cny) <> 0
    or sum(items) <> 0
