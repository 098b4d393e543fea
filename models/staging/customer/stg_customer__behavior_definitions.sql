with source as (

    select * from {{ rows_of(source('customer', 'customer_behavior_definitions')) }}

),

renamed as (

    select
        -- ids
        id as behavior_id,
        tenant_id,

        -- text
        behavior_name,
        behavior_code,
        behavior_description,
        behavior_category,
        behavior_type,
        event_schema,
        required_fields,
        optional_fields,
        created_by,

        -- numbers
        weight,
        score_impact,
        retention_days,

        -- booleans
        is_positive,
        enable_statistics as has_statistics,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
