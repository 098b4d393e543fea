with source as (

    select * from {{ rows_of(source('business', 'service_categories')) }}

),

renamed as (

    select
        -- ids
        id as category_id,
        tenant_id,
        parent_id as parent_category_id,

        -- text
        category_name,
        category_code,
        description,
        category_path,
        service_type,
        icon_url,
        banner_url,
        status,
        created_by,

        -- numbers
        level as category_level,
        max_concurrent_services,
        sort_order,
        service_count,

        -- booleans
        requires_appointment as is_appointment_required,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
