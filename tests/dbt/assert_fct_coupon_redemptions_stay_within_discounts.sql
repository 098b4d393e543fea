-- Coupons of an order take off no more than the order's whole discount, and no order has more redemptions
-- than coupons: shares matched to the wrong coupon, or to several, break one of the two.
select
    redemptions.order_id,
    sum(redemptions.discount_cny) as coupon_discount_cny,
    max(orders.discount_amount_cny) as discount_amount_cny,
    count(*) as redemptions,
    max(orders.coupons) as coupons
from {{ ref('fct_coupon_redemptions') }} as redemptions
inner join {{ ref('fct_orders') }} as orders
    on orders.order_id = redemptions.order_id
group by redemptions.order_id
having sum(redemptions.discount_cny) > max(orders.discount_amount_cny)
    or count(*) > max(orders.coupons)
