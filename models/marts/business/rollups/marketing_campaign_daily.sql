-- One row per campaign and business day with a participation, or a coupon of the campaign issued or used.
-- Orders are those that participations of the day led to, whatever became of them since, and whenever
-- they were placed; a coupon counts as used on the day of its latest use. Everything may be summed over
-- campaigns and days. Orders are cancelled, and their coupons given back, for days: two weeks are rebuilt.
{{ config(window_column='stat_date', lookback_days=14) }}

with participations as (

    select
        campaign_id,
        tenant_id,
        {{ business_date('participated_at') }} as stat_date,
        case when has_placed_order then 1 else 0 end as has_ordered,
        order_id,
        participation_id,
        order_amount_cny
    from {{ ref('stg_business__participations') }}
    where participated_at >= {{ window_start() }}
        and participated_at < {{ window_end() }}

),

-- who took part twice before ordering has two participations with one order
ordered as (

    select
        campaign_id,
        stat_date,
        order_id,
        min(tenant_id) as tenant_id,
        max(order_amount_cny) as order_amount_cny
    from participations
    where has_ordered = 1
    group by
        campaign_id,
        stat_date,
        order_id,
        case when order_id is null then participation_id end

),

order_days as (

    select
        ordered.campaign_id,
        ordered.stat_date,
        min(ordered.tenant_id) as tenant_id,
        count(*) as orders,
        coalesce(sum(ordered.order_amount_cny), 0) as revenue_cny,
        coalesce(sum(orders.discount_amount_cny), 0) as discount_cny
    from ordered
    left join {{ ref('stg_business__orders') }} as orders
        on orders.order_id = ordered.order_id
    group by
        ordered.campaign_id,
        ordered.stat_date

),

coupons as (

    select
        coupons.campaign_id,
        coupons.tenant_id,
        coupons.created_at,
        -- a cancelled order gives its coupons back, at the latest when the operation comes by
        case
            when orders.order_id is null
                or not {{ is_cancelled_order('orders.order_status', 'orders.cancelled_at') }}
                then coupons.used_at
        end as used_at
    from {{ ref('stg_business__coupons') }} as coupons
    left join {{ ref('stg_business__orders') }} as orders
        on orders.order_id = coupons.used_order_id
    where coupons.campaign_id is not null

),

figures as (

    select
        campaign_id,
        stat_date,
        min(tenant_id) as tenant_id,
        count(*) as participations,
        0 as orders,
        0 as revenue_cny,
        0 as discount_cny,
        0 as coupons_issued,
        0 as coupons_used
    from participations
    group by
        campaign_id,
        stat_date

    union all

    select
        campaign_id,
        stat_date,
        tenant_id,
        0 as participations,
        orders,
        revenue_cny,
        discount_cny,
        0 as coupons_issued,
        0 as coupons_used
    from order_days

    union all

    select
        campaign_id,
        {{ business_date('created_at') }} as stat_date,
        min(tenant_id) as tenant_id,
        0 as participations,
        0 as orders,
        0 as revenue_cny,
        0 as discount_cny,
        count(*) as coupons_issued,
        0 as coupons_used
    from coupons
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
    group by
        campaign_id,
        {{ business_date('created_at') }}

    union all

    select
        campaign_id,
        {{ business_date('used_at') }} as stat_date,
        min(tenant_id) as tenant_id,
        0 as participations,
        0 as orders,
        0 as revenue_cny,
        0 as discount_cny,
        0 as coupons_issued,
        count(*) as coupons_used
    from coupons
    where used_at >= {{ window_start() }}
        and used_at < {{ window_end() }}
    group by
        campaign_id,
        {{ business_date('used_at') }}

)

select
    campaign_id,
    min(tenant_id) as tenant_id,
    stat_date,
    sum(participations) as participations,
    sum(orders) as orders,
    sum(revenue_cny) as revenue_cny,
    sum(discount_cny) as discount_cny,
    sum(coupons_issued) as coupons_issued,
    sum(coupons_used) as coupons_used
from figures
group by
    campaign_id,
    stat_date
