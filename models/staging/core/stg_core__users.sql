with source as (

    select * from {{ rows_of(source('core', 'saas_users')) }}

),

renamed as (

    select
        -- ids
        id as user_id,
        tenant_id,
        employee_id as employee_number,

        -- text
        username,
        email,
        phone,
        profile,
        department,
        position as job_title,
        status,
        last_login_ip,
        last_login_device,
        preferences,
        notification_settings,
        language,
        timezone,
        custom_fields,
        tags,
        deleted_by,
        created_by,
        updated_by,

        -- numbers
        login_failure_count,

        -- booleans
        is_super_admin,
        is_tenant_admin,
        email_verified as is_email_verified,
        phone_verified as is_phone_verified,
        identity_verified as is_identity_verified,
        must_change_password as is_password_change_required,
        password_never_expires as has_non_expiring_password,
        mfa_enabled as has_mfa,

        -- dates and times
        last_login_at,
        locked_until as locked_until_at,
        password_changed_at,
        deleted_at,
        created_at,
        updated_at
    from source

)

select * from renamed
