with source as (

    select * from {{ rows_of(source('core', 'saas_permissions')) }}

),

renamed as (

    select
        -- ids
        id as permission_id,
        parent_permission_id,

        -- text
        permission_code,
        permission_name,
        permission_description,
        module,
        sub_module,
        resource,
        action,
        permission_path,
        ip_restrictions,
        time_restrictions,
        permission_config,
        menu_config,
        api_endpoints,
        status,

        -- numbers
        permission_level,

        -- booleans
        is_system_permission,
        is_menu_permission,
        is_button_permission,
        is_data_permission,
        requires_mfa as is_mfa_required,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
