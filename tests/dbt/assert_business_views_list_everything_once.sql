-- Every service that is offered, every order and every campaign past its draft is listed once, and what is
-- counted beside them are the rows that the source has: neither may drop a row, nor one join repeat what
-- another one brings.
with counted as (

    select
        id,
        1 as listed,
        variant_count as beside
    from {{ ref('v_service_sales_overview') }}

    union all

    select
        services.service_id as id,
        -1 as listed,
        -(
            select count(*)
            from {{ ref('stg_business__variants') }} as variants
            where variants.service_id = services.service_id
                and variants.status = 'active'
        ) as beside
    from {{ ref('stg_business__services') }} as services
    where coalesce(services.status, 'none') <> 'discontinued'

    union all

    select
        id,
        1 as listed,
        service_item_count as beside
    from {{ ref('v_service_order_overview') }}

    union all

    select
        order_id as id,
        -1 as listed,
        0 as beside
    from {{ ref('stg_business__orders') }}

    union all

    select
        order_id as id,
        0 as listed,
        -1 as beside
    from {{ ref('stg_business__order_items') }}

    union all

    select
        id,
        1 as listed,
        coupon_count as beside
    from {{ ref('v_campaign_performance') }}

    union all

    select
        campaigns.campaign_id as id,
        -1 as listed,
        -(
            select count(*)
            from {{ ref('stg_business__coupons') }} as coupons
            where coupons.campaign_id = campaigns.campaign_id
        ) as beside
    from {{ ref('stg_business__campaigns') }} as campaigns
    where coalesce(campaigns.status, 'none') <> 'draft'

)

select
    id,
    sum(listed) as listed_too_often,
    sum(beside) as beside_too_many
from counted
group by id
having sum(listed) <> 0
    or sum(beside) <> 0
