with source as (

    select * from {{ rows_of(source('core', 'saas_file_shares')) }}

),

renamed as (

    select
        -- ids
        id as file_share_id,
        tenant_id,
        file_id,

        -- text
        share_name,
        share_description,
        share_type,
        allowed_users,
        permissions,
        created_by,

        -- numbers
        max_downloads,
        access_count,
        download_count,

        -- booleans
        is_active,

        -- dates and times
        expires_at,
        last_accessed_at,
        created_at,
        updated_at
    from source

)

select * from renamed
