-- All tags in force and all active memberships are in the view, once each: a join that fans out or loses
-- customers moves these totals, while every single row of it still looks plausible.
with counted as (

    select
        tenant_id,
        1 as customers,
        tag_count as tags,
        segment_count as segments
    from {{ ref('v_customer_360') }}

    union all

    select
        tenant_id,
        -1 as customers,
        0 as tags,
        0 as segments
    from {{ ref('stg_customer__customers') }}

    union all

    select
        tenant_id,
        0 as customers,
        -1 as tags,
        0 as segments
    from {{ ref('stg_customer__tag_assignments') }}
    where status = 'active'
        and (expires_at is null or expires_at > {{ as_of() }})

    union all

    select
        tenant_id,
        0 as customers,
        0 as tags,
        -1 as segments
    from {{ ref('stg_customer__segment_members') }}
    where status = 'active'

)

select
    tenant_id,
    sum(customers) as customers_too_many,
    sum(tags) as tags_too_many,
    sum(segments) as segments_too_many
from counted
group by tenant_id
having sum(customers) <> 0
    or sum(tags) <> 0
    or sum(segments) <> 0
