with source as (

    select * from {{ rows_of(source('customer', 'customer_behavior_events')) }}

),

renamed as (

    select
        -- ids
        id as event_id,
        tenant_id,
        customer_id,
        behavior_id,
        session_id,
        related_object_id,

        -- text
        event_name,
        event_source,
        event_data,
        page_url,
        referrer_url,
        user_agent,
        ip_address,
        device_info,
        location_info,
        related_object_type,
        business_context,

        -- numbers
        event_value,
        duration_seconds,

        -- dates and times
        event_time as occurred_at,
        processed_at
    from source

)

select * from renamed
