with source as (

    select * from {{ rows_of(source('business', 'service_providers')) }}

),

renamed as (

    select
        -- ids
        id as provider_id,
        tenant_id,

        -- text
        provider_code,
        provider_name,
        provider_type,
        contact_person,
        phone,
        email,
        address,
        service_areas,
        specialties,
        certifications,
        languages,
        working_hours as working_schedule,
        status,
        created_by,

        -- numbers
        max_concurrent_services,
        advance_booking_days,
        rating_average as avg_rating,
        review_count,
        service_count,

        -- booleans
        is_verified,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
