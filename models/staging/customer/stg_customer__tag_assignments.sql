with source as (

    select * from {{ rows_of(source('customer', 'customer_tags')) }}

),

renamed as (

    select
        -- ids
        id as tag_assignment_id,
        tenant_id,
        customer_id,
        tag_id,

        -- text
        tag_value,
        assign_type,
        assign_reason,
        assigned_by,
        status,

        -- numbers
        tag_score,
        confidence,

        -- dates and times
        assigned_at,
        expires_at,
        last_verified_at
    from source

)

select * from renamed
