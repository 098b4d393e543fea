with source as (

    select * from {{ rows_of(source('core', 'saas_role_permissions')) }}

),

renamed as (

    select
        -- ids
        id as role_permission_id,
        tenant_id,
        role_id,
        permission_id,

        -- text
        permission_type,
        permission_config,
        conditions,
        constraints,
        data_filter,
        field_permissions,
        created_by,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
