with source as (

    select * from {{ rows_of(source('business', 'service_order_status_history')) }}

),

renamed as (

    select
        -- ids
        id as order_status_history_id,
        tenant_id,
        order_id,
        operator_id,
        provider_id,

        -- text
        old_status,
        new_status,
        change_reason,
        operator_type,
        location_info,
        device_info,
        extra_data,

        -- dates and times
        service_date,
        service_time as agreed_start_time,
        created_at
    from source

)

select * from renamed
