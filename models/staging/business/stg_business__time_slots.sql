with source as (

    select * from {{ rows_of(source('business', 'service_time_slots')) }}

),

renamed as (

    select
        -- ids
        id as time_slot_id,
        tenant_id,
        service_id,
        provider_id,

        -- text
        slot_type,
        location,
        special_requirements,
        status,
        recurrence_pattern,

        -- numbers
        duration_minutes,
        max_bookings,
        current_bookings,
        available_capacity,
        base_price as base_price_cny,
        surge_multiplier,
        final_price as final_price_cny,

        -- booleans
        is_recurring,

        -- dates and times
        slot_date,
        start_time,
        end_time,
        created_at,
        updated_at
    from source

)

select * from renamed
