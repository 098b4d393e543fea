-- Each order that a coupon names as its latest use has a redemption of it, and no coupon says that it was
-- used more often than orders, cancelled ones aside, applied it. The applications keep both sides: a
-- warning.
{{ config(severity='warn', store_failures=true) }}

with uses as (

    select
        coupon_id,
        {{ count_if('is_latest_use') }} as latest_uses,
        {{ count_if('not is_given_back') }} as kept_uses
    from {{ ref('fct_coupon_redemptions') }}
    where coupon_id is not null
    group by coupon_id

)

select coupons.coupon_id
from {{ ref('stg_business__coupons') }} as coupons
left join uses
    on uses.coupon_id = coupons.coupon_id
where (coupons.used_order_id is not null and coalesce(uses.latest_uses, 0) <> 1)
    or coupons.used_count > coalesce(uses.kept_uses, 0)
