with source as (

    select * from {{ rows_of(source('business', 'service_order_items')) }}

),

renamed as (

    select
        -- ids
        id as order_item_id,
        tenant_id,
        order_id,
        service_id,
        variant_id,
        time_slot_id,

        -- text
        service_name,
        variant_name,
        service_image as service_image_url,
        service_attributes,
        service_level,
        service_snapshot,
        service_status,
        customer_satisfaction,
        service_notes,
        issues_encountered,

        -- numbers
        duration_minutes,
        unit_price as unit_price_cny,
        quantity,
        subtotal as subtotal_cny,
        base_service_fee as base_service_fee_cny,
        travel_fee as travel_fee_cny,
        material_fee as material_fee_cny,
        overtime_fee as overtime_fee_cny,
        discount_amount as discount_amount_cny,
        final_price as final_price_cny,
        completion_rate as completion_rate_pct,
        quality_score,
        actual_duration_minutes,

        -- dates and times
        actual_start_time as actual_started_at,
        actual_end_time as actual_ended_at,
        created_at,
        updated_at
    from source

)

select * from renamed
