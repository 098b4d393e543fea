-- One row per active segment: the figures of its last calculation, and those of its members as they are
-- now. A customer is in several segments, so that neither members nor revenue may be summed over
-- segments; the means and the rate may not be averaged.

with segments as (

    select
        segment_id,
        tenant_id,
        segment_name,
        segment_type,
        customer_count,
        avg_order_amount_cny,
        total_revenue_cny,
        conversion_rate_pct,
        last_calculated_at,
        created_at
    from {{ ref('stg_customer__segments') }}
    where is_active

)

select
    segments.segment_id as id,
    segments.tenant_id,
    segments.segment_name,
    segments.segment_type,
    segments.customer_count,
    segments.avg_order_amount_cny as avg_order_amount,
    segments.total_revenue_cny as total_revenue,
    segments.conversion_rate_pct as conversion_rate,
    present.actual_member_count,
    present.actual_avg_amount,
    present.actual_total_revenue,
    segments.last_calculated_at,
    segments.created_at
from segments
cross join lateral (
    select
        count(*) as actual_member_count,
        {{ exact_avg('customers.total_amount_cny', 2) }} as actual_avg_amount,
        coalesce(sum(customers.total_amount_cny), 0) as actual_total_revenue
    from {{ ref('stg_customer__segment_members') }} as members
    inner join {{ ref('stg_customer__customers') }} as customers
        on customers.customer_id = members.customer_id
    where members.segment_id = segments.segment_id
        and members.status = 'active'
) as present
