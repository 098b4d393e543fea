with source as (

    select * from {{ rows_of(source('core', 'saas_roles')) }}

),

renamed as (

    select
        -- ids
        id as role_id,
        tenant_id,
        parent_role_id,

        -- text
        role_code,
        role_name,
        role_description,
        role_category,
        role_source,
        role_path,
        permission_scope,
        data_scope,
        role_constraints,
        auto_assign_rules,
        status,
        created_by,
        updated_by,

        -- numbers
        role_level,
        max_users,

        -- booleans
        is_system_role,
        is_default_role,
        is_assignable,

        -- dates and times
        effective_start as effective_start_at,
        effective_end as effective_end_at,
        created_at,
        updated_at
    from source

)

select * from renamed
