with source as (

    select * from {{ rows_of(source('customer', 'customer_lifecycle_history')) }}

),

renamed as (

    select
        -- ids
        id as lifecycle_change_id,
        tenant_id,
        customer_id,
        operator_id,

        -- text
        old_stage,
        new_stage,
        change_reason,
        trigger_event,
        stage_data,
        operator_type,

        -- numbers
        stage_duration_days,

        -- dates and times
        created_at
    from source

)

select * from renamed
