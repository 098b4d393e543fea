-- One row per customer, with the tags it carries and the segments it is in now, asked per customer from
-- their indexes: neither count grows with the other. Counts must not be summed over customers to count
-- tags or segments, nor the mean averaged. The names in `tags` may hold commas themselves: count with
-- tag_count.

with customers as (

    select
        customer_id,
        tenant_id,
        customer_code,
        customer_name,
        customer_type,
        phone,
        email,
        status,
        lifecycle_stage,
        customer_level,
        source_channel,
        total_orders,
        total_amount_cny,
        avg_order_amount_cny,
        last_order_date,
        satisfaction_score,
        created_at,
        last_contact_at
    from {{ ref('stg_customer__customers') }}

)

select
    customers.customer_id as id,
    customers.tenant_id,
    customers.customer_code,
    customers.customer_name as name,
    customers.customer_type,
    customers.phone,
    customers.email,
    customers.status,
    customers.lifecycle_stage,
    customers.customer_level as level,
    customers.source_channel,
    customers.total_orders,
    customers.total_amount_cny as total_amount,
    customers.avg_order_amount_cny as avg_order_amount,
    customers.last_order_date,
    customers.satisfaction_score,
    carried.tag_count,
    (
        select count(*)
        from {{ ref('stg_customer__segment_members') }} as members
        where members.customer_id = customers.customer_id
            and members.status = 'active'
    ) as segment_count,
    carried.tags,
    customers.created_at,
    customers.last_contact_at as last_contact_date
from customers
cross join lateral (
    select
        count(*) as tag_count,
        {{ string_agg_ordered('definitions.tag_name', distinct=true) }} as tags
    from {{ ref('stg_customer__tag_assignments') }} as assignments
    inner join {{ ref('stg_customer__tag_definitions') }} as definitions
        on definitions.tag_id = assignments.tag_id
    where assignments.customer_id = customers.customer_id
        and assignments.status = 'active'
        and (assignments.expires_at is null or assignments.expires_at > {{ as_of() }})
) as carried
