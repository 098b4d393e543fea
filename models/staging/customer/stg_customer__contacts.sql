with source as (

    select * from {{ rows_of(source('customer', 'customer_contacts')) }}

),

renamed as (

    select
        -- ids
        id as contact_id,
        tenant_id,
        customer_id,

        -- text
        contact_name,
        position as job_title,
        department,
        phone,
        email,
        contact_type,
        status,

        -- booleans
        is_primary,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
