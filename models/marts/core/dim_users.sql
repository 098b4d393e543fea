-- One row per user account, as it is now, people masked. A person working for two tenants has two rows, so
-- do not add tenants up to count people.
{{ config(primary_key=['user_id'], indexes=[['tenant_id', 'status'], ['email_key'], ['phone_key']]) }}

with users as (

    select
        user_id,
        tenant_id,
        employee_number,
        username,
        email,
        phone,
        profile,
        department,
        status,
        last_login_ip,
        language,
        timezone,
        login_failure_count,
        is_super_admin,
        is_tenant_admin,
        is_email_verified,
        is_phone_verified,
        is_identity_verified,
        is_password_change_required,
        has_non_expiring_password,
        has_mfa,
        last_login_at,
        locked_until_at,
        password_changed_at,
        deleted_at,
        created_at,
        updated_at
    from {{ ref('stg_core__users') }}

),

-- the same role may be assigned several times, once a scope
roles as (

    select
        user_id,
        count(distinct role_id) as role_count
    from {{ ref('stg_core__user_roles') }}
    where status = 'active'
        and coalesce(effective_start_at <= {{ as_of() }}, true)
        and coalesce(effective_end_at > {{ as_of() }}, true)
        and coalesce(expires_at > {{ as_of() }}, true)
    group by user_id

)

select
    users.user_id,
    users.tenant_id,
    {{ mask_hash('users.employee_number') }} as employee_key,
    {{ mask_name('users.username') }} as username_masked,
    {{ mask_hash('users.username') }} as username_key,
    {{ mask_name(json_text('users.profile', '$.real_name')) }} as real_name_masked,
    {{ mask_email('users.email') }} as email_masked,
    {{ mask_hash('users.email') }} as email_key,
    {{ mask_phone('users.phone') }} as phone_masked,
    {{ mask_hash('users.phone') }} as phone_key,
    users.department,
    users.status,
    users.is_super_admin,
    users.is_tenant_admin,
    users.is_email_verified,
    users.is_phone_verified,
    users.is_identity_verified,
    users.has_mfa,
    users.is_password_change_required,
    users.has_non_expiring_password,
    users.password_changed_at,
    users.login_failure_count,
    {{ cast_boolean("coalesce(users.locked_until_at > " ~ as_of() ~ ", false)") }} as is_locked_out,
    users.last_login_at,
    {{ generalise_ip('users.last_login_ip') }} as last_login_network,
    coalesce(roles.role_count, 0) as role_count,
    users.language,
    users.timezone,
    users.deleted_at,
    users.created_at,
    users.updated_at
from users
left join roles
    on roles.user_id = users.user_id
