with source as (

    select * from {{ rows_of(source('business', 'services')) }}

),

renamed as (

    select
        -- ids
        id as service_id,
        tenant_id,
        category_id,
        default_provider_id,

        -- text
        service_code,
        service_name,
        service_title,
        description,
        short_description,
        category_path,
        service_type,
        delivery_mode,
        pricing_model,
        requirements,
        materials_needed,
        location_requirements,
        available_providers as available_provider_ids,
        main_image_url,
        image_urls,
        video_urls,
        detail_images,
        seo_title,
        seo_keywords,
        seo_description,
        status,
        created_by,

        -- numbers
        base_price as base_price_cny,
        sale_price as sale_price_cny,
        cost_price as cost_price_cny,
        max_concurrent_bookings,
        available_slots,
        booked_slots,
        min_capacity_threshold,
        duration_minutes,
        preparation_time_minutes,
        cleanup_time_minutes,
        advance_booking_hours,
        cancellation_hours,
        min_booking_quantity,
        max_booking_quantity,
        max_group_size,
        view_count,
        booking_count,
        completed_count,
        revenue as revenue_cny,
        rating_average as avg_rating,
        review_count,

        -- booleans
        requires_appointment as is_appointment_required,
        reschedule_allowed as is_reschedule_allowed,
        auto_assign_provider as is_provider_auto_assigned,
        group_service as is_group_service,
        is_featured,
        is_new_service,
        is_on_promotion,

        -- dates and times
        available_from as available_from_at,
        available_to as available_to_at,
        created_at,
        updated_at
    from source

)

select * from renamed
