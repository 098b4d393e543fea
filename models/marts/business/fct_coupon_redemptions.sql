-- One row per order and coupon applied to it, from the orders' own lists: the coupon itself remembers its
-- latest use only, and forgets it when a cancelled order gives it back. Leave given back ones out to count
-- uses; discounts may be summed, order amounts must not, for an order may bear several coupons.
{{ config(
    primary_key=['coupon_redemption_id'],
    indexes=[['tenant_id', 'redemption_date'], ['coupon_id'], ['order_id']]
) }}

with orders as (

    select
        order_id,
        tenant_id,
        customer_id,
        coupon_codes,
        discount_details,
        order_status,
        case when {{ is_cancelled_order() }} then 1 else 0 end as cancelled_flag,
        subtotal_cny,
        total_amount_cny,
        ordered_at
    from {{ ref('stg_business__orders') }}
    where coupon_codes is not null

),

listed as (

    select
        orders.order_id,
        {{ json_text('code.item') }} as coupon_code,
        code.item_number as place
    from orders {{ unnest_json_array('orders.coupon_codes', 'code') }}

),

-- a code listed twice is one redemption
applied as (

    select
        order_id,
        coupon_code,
        min(place) as coupon_place
    from listed
    where coupon_code is not null
    group by
        order_id,
        coupon_code

),

discounts as (

    select
        reductions.order_id,
        reductions.coupon_code,
        sum(reductions.discount_cny) as discount_cny
    from (
        select
            orders.order_id,
            {{ json_text('detail.item', '$.coupon') }} as coupon_code,
            {{ json_number('detail.item', '$.amount', 'decimal(12,2)') }} as discount_cny
        from orders {{ unnest_json_array('orders.discount_details', 'detail') }}
    ) as reductions
    where reductions.coupon_code is not null
    group by
        reductions.order_id,
        reductions.coupon_code

),

coupons as (

    select
        coupon_id,
        tenant_id,
        campaign_id,
        {{ by_code_point('coupon_code') }} as coupon_code,
        coupon_type,
        status,
        issued_to_user_id,
        used_order_id,
        created_at
    from {{ ref('stg_business__coupons') }}

)

select
    {{ row_id(['applied.order_id', 'applied.coupon_place']) }} as coupon_redemption_id,
    orders.tenant_id,
    applied.order_id,
    coupons.coupon_id,
    {{ mask_hash('applied.coupon_code') }} as coupon_key,
    coupons.campaign_id,
    coupons.coupon_type,
    coupons.status as coupon_status,
    orders.customer_id,
    coupons.issued_to_user_id,
    applied.coupon_place,
    {{ business_date('orders.ordered_at') }} as redemption_date,
    orders.ordered_at as redeemed_at,
    coupons.created_at as issued_at,
    {{ days_between('coupons.created_at', 'orders.ordered_at') }} as issued_days,
    orders.order_status,
    (orders.cancelled_flag = 1) as is_given_back,
    coalesce(coupons.used_order_id = applied.order_id, false) as is_latest_use,
    discounts.discount_cny,
    case when orders.cancelled_flag = 1 then 0 else coalesce(discounts.discount_cny, 0) end
        as granted_discount_cny,
    orders.subtotal_cny as order_subtotal_cny,
    orders.total_amount_cny as order_total_cny
from applied
inner join orders
    on orders.order_id = applied.order_id
left join coupons
    on coupons.coupon_code = applied.coupon_code
        and coupons.tenant_id = orders.tenant_id
left join discounts
    on discounts.order_id = applied.order_id
        and discounts.coupon_code = applied.coupon_code
