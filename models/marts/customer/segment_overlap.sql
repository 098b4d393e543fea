-- One row per pair of a tenant's active segments, the lower id first. A customer may be in many pairs, so
-- nothing may be summed over rows. Where the common members, or those of one segment alone, are fewer than
-- five people, the pair's figures are NULL with has_small_cell: each could be had from the others.
{{ config(primary_key=['segment_id', 'other_segment_id'], indexes=[['tenant_id'], ['other_segment_id']]) }}

with segments as (

    select
        segment_id,
        tenant_id
    from {{ ref('stg_customer__segments') }}
    where is_active

),

members as (

    select
        memberships.segment_id,
        memberships.customer_id
    from {{ ref('stg_customer__segment_members') }} as memberships
    inner join segments
        on segments.segment_id = memberships.segment_id
    where memberships.status = 'active'

),

sizes as (

    select
        segments.segment_id,
        segments.tenant_id,
        count(members.customer_id) as customers
    from segments
    left join members
        on members.segment_id = segments.segment_id
    group by
        segments.segment_id,
        segments.tenant_id

),

-- from customers to pairs, so that only pairs with somebody in both are ever made
common_members as (

    select
        members.segment_id,
        other_members.segment_id as other_segment_id,
        count(*) as customers
    from members
    inner join members as other_members
        on other_members.customer_id = members.customer_id
            and {{ by_code_point('other_members.segment_id') }} > {{ by_code_point('members.segment_id') }}
    group by
        members.segment_id,
        other_members.segment_id

),

pairs as (

    select
        sizes.tenant_id,
        sizes.segment_id,
        other_sizes.segment_id as other_segment_id,
        sizes.customers as segment_customers,
        other_sizes.customers as other_segment_customers,
        coalesce(common_members.customers, 0) as both_customers,
        sizes.customers - coalesce(common_members.customers, 0) as segment_only_customers,
        other_sizes.customers - coalesce(common_members.customers, 0) as other_only_customers,
        sizes.customers + other_sizes.customers - coalesce(common_members.customers, 0) as either_customers
    from sizes
    inner join sizes as other_sizes
        on other_sizes.tenant_id = sizes.tenant_id
            and {{ by_code_point('other_sizes.segment_id') }} > {{ by_code_point('sizes.segment_id') }}
    left join common_members
        on common_members.segment_id = sizes.segment_id
            and common_members.other_segment_id = other_sizes.segment_id

),

flagged_pairs as (

    select
        pairs.*,
        (
            {{ is_small_cell('both_customers') }}
            or {{ is_small_cell('segment_only_customers') }}
            or {{ is_small_cell('other_only_customers') }}
        ) as has_small_cell
    from pairs

)

select
    tenant_id,
    segment_id,
    other_segment_id,
    case when not {{ is_small_cell('segment_customers') }} then segment_customers end as segment_customers,
    case when not {{ is_small_cell('other_segment_customers') }} then other_segment_customers end
        as other_segment_customers,
    case when not has_small_cell then both_customers end as both_customers,
    case when not has_small_cell then either_customers end as either_customers,
    case when not has_small_cell then {{ percentage('both_customers', 'either_customers') }} end as jaccard_pct,
    has_small_cell
from flagged_pairs
