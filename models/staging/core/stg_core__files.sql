with source as (

    select * from {{ rows_of(source('core', 'saas_files')) }}

),

renamed as (

    select
        -- ids
        id as file_id,
        tenant_id,
        user_id,
        business_id as business_object_id,

        -- text
        original_name,
        file_name,
        file_path,
        file_type,
        mime_type,
        file_category,
        business_type as business_object_type,
        storage_provider,
        storage_bucket,
        storage_key,
        file_hash,
        encryption_method,
        deleted_by,

        -- numbers
        file_size as file_size_bytes,
        download_count,

        -- booleans
        is_public,
        is_temporary,

        -- dates and times
        expires_at,
        last_accessed_at,
        deleted_at,
        created_at,
        updated_at
    from source

)

select * from renamed
