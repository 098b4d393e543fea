with source as (

    select * from {{ rows_of(source('customer', 'customer_segments')) }}

),

renamed as (

    select
        -- ids
        id as segment_id,
        tenant_id,

        -- text
        segment_name,
        segment_code,
        segment_description,
        segment_type,
        segment_category,
        rule_config,
        rule_expression,
        filter_conditions,
        refresh_frequency,
        created_by,

        -- numbers
        customer_count,
        calculation_duration_ms,
        avg_order_amount as avg_order_amount_cny,
        total_revenue as total_revenue_cny,
        conversion_rate as conversion_rate_pct,

        -- booleans
        is_active,
        is_public,
        auto_refresh as is_auto_refreshed,

        -- dates and times
        last_calculated_at,
        created_at,
        updated_at
    from source

)

select * from renamed
