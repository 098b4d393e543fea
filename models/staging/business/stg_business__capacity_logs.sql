with source as (

    select * from {{ rows_of(source('business', 'service_capacity_logs')) }}

),

renamed as (

    select
        -- ids
        id as capacity_log_id,
        tenant_id,
        capacity_id as capacity_subject_id,
        business_id as business_record_id,
        booking_id,
        operator_id,
        customer_id,

        -- text
        capacity_type,
        change_type,
        business_type,
        reference_no,
        reason,

        -- numbers
        change_quantity,
        before_capacity,
        after_capacity,

        -- dates and times
        service_date,
        service_time_start as agreed_start_time,
        service_time_end as agreed_end_time,
        created_at
    from source

)

select * from renamed
