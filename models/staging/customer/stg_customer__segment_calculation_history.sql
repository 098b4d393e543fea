with source as (

    select * from {{ rows_of(source('customer', 'segment_calculation_history')) }}

),

renamed as (

    select
        -- ids
        id as segment_calculation_id,
        tenant_id,
        segment_id,

        -- text
        calculation_type,
        trigger_type,
        calculation_status,
        error_message,

        -- numbers
        total_customers,
        added_customers,
        removed_customers,
        final_count,
        calculation_time_ms,

        -- dates and times
        started_at,
        completed_at
    from source

)

select * from renamed
