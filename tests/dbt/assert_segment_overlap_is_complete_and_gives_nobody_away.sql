-- Every pair of a tenant's active segments is there once, its figures fit together, and none of one to four
-- people is shown or left over when those that are shown are subtracted.
with segments as (

    select
        tenant_id,
        count(*) as segments
    from {{ ref('stg_customer__segments') }}
    where is_active
    group by tenant_id

),

pairs as (

    select
        tenant_id,
        count(*) as pairs
    from {{ ref('segment_overlap') }}
    group by tenant_id

)

select
    segments.tenant_id,
    null as segment_id
from segments
left join pairs
    on pairs.tenant_id = segments.tenant_id
where 2 * coalesce(pairs.pairs, 0) <> segments.segments * (segments.segments - 1)

union all

select
    tenant_id,
    segment_id
from {{ ref('segment_overlap') }}
where {{ by_code_point('segment_id') }} >= {{ by_code_point('other_segment_id') }}
    or {{ is_small_cell('both_customers') }}
    or {{ is_small_cell('segment_customers') }}
    or {{ is_small_cell('other_segment_customers') }}
    or {{ is_small_cell('segment_customers - both_customers') }}
    or {{ is_small_cell('other_segment_customers - both_customers') }}
    or both_customers > segment_customers
    or both_customers > other_segment_customers
    or either_customers <> segment_customers + other_segment_customers - both_customers
    or jaccard_pct not between 0 and 100
    or (has_small_cell and (both_customers is not null or jaccard_pct is not null))
