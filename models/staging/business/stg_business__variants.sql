with source as (

    select * from {{ rows_of(source('business', 'service_variants')) }}

),

renamed as (

    select
        -- ids
        id as variant_id,
        tenant_id,
        service_id,

        -- text
        variant_code,
        variant_name,
        attributes,
        attribute_combination,
        service_level,
        location_type,
        provider_requirements,
        equipment_needed,
        preparation_notes,
        image_url,
        status,

        -- numbers
        duration_minutes,
        group_size_min as min_group_size,
        group_size_max as max_group_size,
        price as price_cny,
        cost_price as cost_price_cny,
        capacity,
        booked_capacity,
        booking_count,
        completed_count,
        revenue as revenue_cny,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
