with source as (

    select * from {{ rows_of(source('business', 'marketing_campaigns')) }}

),

renamed as (

    select
        -- ids
        id as campaign_id,
        tenant_id,

        -- text
        campaign_name,
        campaign_code,
        campaign_type,
        description,
        rule_config,
        discount_config,
        target_config,
        trigger_config,
        applicable_products,
        applicable_categories,
        exclude_products,
        status,
        reviewed_by,
        review_notes,
        created_by,

        -- numbers
        usage_limit_per_user,
        total_usage_limit,
        min_order_amount as min_order_amount_cny,
        max_discount_amount as max_discount_amount_cny,
        total_participants,
        total_orders,
        total_revenue as total_revenue_cny,
        total_discount as total_discount_cny,
        conversion_rate as conversion_rate_pct,

        -- booleans
        is_time_limited,

        -- dates and times
        start_time as starts_at,
        end_time as ends_at,
        reviewed_at,
        created_at,
        updated_at
    from source

)

select * from renamed
