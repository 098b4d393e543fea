with source as (

    select * from {{ rows_of(source('core', 'saas_unified_configs')) }}

),

renamed as (

    select
        -- ids
        id as config_id,
        tenant_id,
        user_id,
        parent_config_id,

        -- text
        config_scope,
        config_category,
        module,
        config_key,
        config_name,
        config_description,
        config_type,
        validation_rules,
        status,
        created_by,
        updated_by,

        -- numbers
        version,

        -- booleans
        is_required,
        is_encrypted,
        is_public,
        is_readonly,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
