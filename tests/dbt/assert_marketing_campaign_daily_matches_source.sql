-- Participations and issued coupons of each closed day that a build touches are the source's, campaign by
-- campaign: four kinds of rows meet there, and a join of them would multiply each by the others. Orders
-- are at most the participations that led to one.
{%- set first_day = add_days(as_of_date(), -14) %}

with counted as (

    select
        campaign_id,
        stat_date,
        participations,
        coupons_issued,
        orders as surplus_orders
    from {{ ref('marketing_campaign_daily') }}
    where stat_date >= {{ first_day }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        campaign_id,
        {{ business_date('participated_at') }} as stat_date,
        -1 as participations,
        0 as coupons_issued,
        case when has_placed_order then -1 else 0 end as surplus_orders
    from {{ ref('stg_business__participations') }}
    where participated_at >= {{ first_day }}
        and participated_at < {{ as_of_date() }}

    union all

    select
        campaign_id,
        {{ business_date('created_at') }} as stat_date,
        0 as participations,
        -1 as coupons_issued,
        0 as surplus_orders
    from {{ ref('stg_business__coupons') }}
    where created_at >= {{ first_day }}
        and created_at < {{ as_of_date() }}
        and campaign_id is not null

)

select
    campaign_id,
    stat_date,
    sum(participations) as participations_too_many,
    sum(coupons_issued) as coupons_too_many,
    sum(surplus_orders) as surplus_orders
from counted
group by
    campaign_id,
    stat_date
having sum(participations) <> 0
    or sum(coupons_issued) <> 0
    or sum(surplus_orders) > 0
