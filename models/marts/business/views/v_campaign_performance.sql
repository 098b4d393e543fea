-- One row per campaign that left the draft stage. Its figures are the totals that the applications keep
-- on the campaign; coupons and A/B tests are counted from their indexes, so that neither multiplies the
-- other. ab_test_count is the tenant's, the same on all its campaigns: never sum it, nor rates and roi.

with campaigns as (

    select
        campaign_id,
        tenant_id,
        campaign_name,
        campaign_type,
        status,
        starts_at,
        ends_at,
        coalesce(total_participants, 0) as total_participants,
        coalesce(total_orders, 0) as total_orders,
        coalesce(total_revenue_cny, 0) as total_revenue,
        coalesce(total_discount_cny, 0) as total_discount,
        coalesce(conversion_rate_pct, 0) as conversion_rate
    from {{ ref('stg_business__campaigns') }}
    where status <> 'draft'
        or status is null

)

select
    campaign_id as id,
    tenant_id,
    campaign_name,
    campaign_type,
    status,
    starts_at as start_time,
    ends_at as end_time,
    total_participants,
    total_orders,
    total_revenue,
    total_discount,
    conversion_rate,
    {{ percentage('total_orders', 'total_participants', when_empty=0) }} as actual_conversion_rate,
    coalesce({{ exact_divide('total_revenue', 'total_discount', 2) }}, 0) as roi,
    {{ days_between('starts_at', 'ends_at') }} as campaign_duration_days,
    (
        select count(*)
        from {{ ref('stg_business__coupons') }} as coupons
        where coupons.campaign_id = campaigns.campaign_id
    ) as coupon_count,
    (
        select count(*)
        from {{ ref('stg_business__ab_tests') }} as ab_tests
        where ab_tests.tenant_id = campaigns.tenant_id
    ) as ab_test_count
from campaigns
