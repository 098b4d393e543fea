-- One row per active customer: the lifecycle stage it has and the one the rules would give it now. Nothing
-- here may be summed; count the rows where is_change_due to see what the next daily run will change.
{{ config(primary_key=['customer_id'], indexes=[['tenant_id', 'due_stage']]) }}

with customers as (

    select
        customer_id,
        tenant_id,
        lifecycle_stage,
        total_orders,
        total_amount_cny,
        first_order_date,
        last_order_date
    from {{ ref('stg_customer__customers') }}
    where status = 'active'

),

due_stages as (

    select
        customers.*,
        {{ due_lifecycle_stage(
            'lifecycle_stage', 'total_orders', 'total_amount_cny', 'first_order_date', 'last_order_date',
            as_of_date()
        ) }} as due_stage
    from customers

)

select
    customer_id,
    tenant_id,
    lifecycle_stage,
    due_stage,
    not {{ is_same('lifecycle_stage', 'due_stage') }} as is_change_due,
    coalesce(total_orders, 0) as total_orders,
    coalesce(total_amount_cny, 0) as total_amount_cny,
    {{ days_between('first_order_date', as_of_date()) }} as days_since_first_order,
    {{ days_between('last_order_date', as_of_date()) }} as days_since_last_order
from due_stages
