-- Members of active segments, and what they spent, are those of the memberships: counted from the members'
-- side, where the view counts from the segments'.
with counted as (

    select
        tenant_id,
        1 as segments,
        actual_member_count as members,
        actual_total_revenue as revenue
    from {{ ref('v_segment_statistics') }}

    union all

    select
        tenant_id,
        -1 as segments,
        0 as members,
        0 as revenue
    from {{ ref('stg_customer__segments') }}
    where is_active

    union all

    select
        members.tenant_id,
        0 as segments,
        -1 as members,
        -customers.total_amount_cny as revenue
    from {{ ref('stg_customer__segment_members') }} as members
    inner join {{ ref('stg_customer__customers') }} as customers
        on customers.customer_id = members.customer_id
    where members.status = 'active'
        and members.segment_id in (
            select segment_id
            from {{ ref('stg_customer__segments') }}
            where is_active
        )

)

select
    tenant_id,
    sum(segments) as segments_too_many,
    sum(members) as members_too_many,
    sum(revenue) as revenue_too_much
from counted
group by tenant_id
having sum(segments) <> 0
    or sum(members) <> 0
    or sum(revenue) <> 0
