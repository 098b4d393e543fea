with source as (

    select * from {{ rows_of(source('business', 'marketing_coupons')) }}

),

renamed as (

    select
        -- ids
        id as coupon_id,
        tenant_id,
        campaign_id,
        used_order_id,

        -- text
        coupon_code,
        coupon_name,
        coupon_type,
        applicable_products,
        applicable_categories,
        status,
        issued_to_user as issued_to_user_id,
        used_by_user as used_by_user_id,

        -- numbers
        discount_value,
        min_order_amount as min_order_amount_cny,
        max_discount_amount as max_discount_amount_cny,
        usage_limit,
        used_count,

        -- booleans
        is_transferable,

        -- dates and times
        start_time as starts_at,
        end_time as ends_at,
        used_at,
        created_at,
        updated_at
    from source

)

select * from renamed
