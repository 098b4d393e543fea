-- Every tenant has every closed day that a build touches, and the days add up to what the domains say: the
-- joins of seven sources by tenant and day neither lose a day nor count one twice.
{%- set first_day = add_days(as_of_date(), -1 * var('lookback_days')) %}

with counted as (

    select
        tenant_id,
        stat_date,
        1 as row_count,
        ai_requests,
        sent_messages,
        placed_orders,
        revenue_cny
    from {{ ref('tenant_daily') }}
    where stat_date >= {{ first_day }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenants.tenant_id,
        days.date_day as stat_date,
        -1 as row_count,
        0 as ai_requests,
        0 as sent_messages,
        0 as placed_orders,
        0 as revenue_cny
    from {{ ref('stg_core__tenants') }} as tenants
    inner join (
        {{ day_spine(first_day, add_days(as_of_date(), -1)) }}
    ) as days
        on days.date_day >= {{ business_date('tenants.created_at') }}

    union all

    select
        tenant_id,
        usage_date as stat_date,
        0 as row_count,
        -ai_requests as ai_requests,
        0 as sent_messages,
        0 as placed_orders,
        0 as revenue_cny
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ first_day }}
        and usage_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        stat_date,
        0 as row_count,
        0 as ai_requests,
        -sent_messages as sent_messages,
        0 as placed_orders,
        0 as revenue_cny
    from {{ ref('wework_tenant_usage') }}
    where stat_date >= {{ first_day }}
        and stat_date < {{ as_of_date() }}
        and tenant_id in (select tenant_id from {{ ref('stg_core__tenants') }})

    union all

    select
        orders.tenant_id,
        {{ business_date('orders.ordered_at') }} as stat_date,
        0 as row_count,
        0 as ai_requests,
        0 as sent_messages,
        -1 as placed_orders,
        case when orders.order_status in ('cancelled', 'refunded') then 0 else -orders.total_amount_cny end
            as revenue_cny
    from {{ ref('stg_business__orders') }} as orders
    inner join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = orders.tenant_id
    where orders.ordered_at >= {{ first_day }}
        and orders.ordered_at < {{ as_of_date() }}
        and orders.ordered_at >= {{ day_start(business_date('tenants.created_at')) }}

)

select
    tenant_id,
    stat_date,
    sum(row_count) as rows_too_many,
    sum(ai_requests) as ai_requests_too_many,
    sum(sent_messages) as sent_messages_too_many,
    sum(placed_orders) as orders_too_many,
    sum(revenue_cny) as revenue_too_much
from counted
group by
    tenant_id,
    stat_date
having sum(row_count) <> 0
    or sum(ai_requests) <> 0
    or sum(sent_messages) <> 0
    or sum(placed_orders) <> 0
    or sum(revenue_cny) <> 0
