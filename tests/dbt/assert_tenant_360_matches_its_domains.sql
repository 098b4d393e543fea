-- Every tenant is there once, with its own orders of the last 30 days and its own accounts and customers,
-- counted anew from the sources: eleven joins by tenant multiply nothing and lose nobody.
{%- set first_day = add_days(as_of_date(), -29) %}

with counted as (

    select
        tenant_id,
        1 as row_count,
        last_30_days_orders as orders,
        last_30_days_revenue_cny as revenue_cny,
        wework_accounts as accounts,
        -- hidden customers are left out of both sides
        coalesce(customers, 0) as customers
    from {{ ref('tenant_360') }}

    union all

    select
        tenant_id,
        -1 as row_count,
        0 as orders,
        0 as revenue_cny,
        0 as accounts,
        0 as customers
    from {{ ref('dim_tenants') }}

    union all

    select
        orders.tenant_id,
        0 as row_count,
        -1 as orders,
        case when orders.order_status in ('cancelled', 'refunded') then 0 else -orders.total_amount_cny end
            as revenue_cny,
        0 as accounts,
        0 as customers
    from {{ ref('stg_business__orders') }} as orders
    inner join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = orders.tenant_id
    where orders.ordered_at >= {{ first_day }}
        and orders.ordered_at < {{ add_days(as_of_date(), 1) }}
        and orders.ordered_at >= {{ day_start(business_date('tenants.created_at')) }}

    union all

    select
        tenant_id,
        0 as row_count,
        0 as orders,
        0 as revenue_cny,
        -1 as accounts,
        0 as customers
    from {{ ref('stg_wework__accounts') }}
    where tenant_id in (select tenant_id from {{ ref('dim_tenants') }})

    union all

    select
        customers.tenant_id,
        0 as row_count,
        0 as orders,
        0 as revenue_cny,
        0 as accounts,
        -1 as customers
    from {{ ref('stg_customer__customers') }} as customers
    inner join {{ ref('tenant_360') }} as tenants
        on tenants.tenant_id = customers.tenant_id
    where tenants.customers is not null

)

select
    tenant_id,
    sum(row_count) as rows_too_many,
    sum(orders) as orders_too_many,
    sum(revenue_cny) as revenue_too_much,
    sum(accounts) as accounts_too_many,
    sum(customers) as customers_too_many
from counted
group by tenant_id
having sum(row_count) <> 0
    or sum(orders) <> 0
    or sum(revenue_cny) <> 0
    or sum(accounts) <> 0
    or sum(customers) <> 0

union all

select
    tenant_id,
    0 as rows_too_many,
    0 as orders_too_many,
    0 as revenue_too_much,
    0 as accounts_too_many,
    0 as customers_too_many
from {{ ref('tenant_360') }}
where {{ is_small_cell('users') }}
    or {{ is_small_cell('patients') }}
    or {{ is_small_cell('customers') }}
    or {{ is_small_cell('buyers') }}
    or {{ is_small_cell('customers - buyers') }}
