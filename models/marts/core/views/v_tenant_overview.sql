-- One row per tenant with its present people, roles, limits and storage, each asked from indexes for the
-- tenant alone. Limits must not be summed; storage_used_gb is what the last build found, NULL before the
-- day's first.

with tenants as (

    select
        tenant_id,
        tenant_name,
        tenant_code,
        status,
        subscription_plan,
        created_at
    from {{ ref('stg_core__tenants') }}

),

quotas as (

    select
        tenant_id,
        max_users,
        max_storage_gb
    from {{ ref('stg_core__tenant_quotas') }}

),

usage_today as (

    select
        tenant_id,
        storage_used_gb
    from {{ ref('saas_usage_statistics') }}
    where usage_date = {{ as_of_date() }}

)

select
    tenants.tenant_id as id,
    tenants.tenant_name,
    tenants.tenant_code,
    tenants.status,
    tenants.subscription_plan,
    (
        select count(*)
        from {{ ref('stg_core__users') }} as users
        where users.tenant_id = tenants.tenant_id
            and {{ is_present_user('users.status', 'users.deleted_at') }}
    ) as user_count,
    (
        select count(distinct user_roles.role_id)
        from {{ ref('stg_core__user_roles') }} as user_roles
        where user_roles.tenant_id = tenants.tenant_id
            and {{ is_assignment_in_force('user_roles') }}
    ) as role_count,
    quotas.max_users,
    quotas.max_storage_gb,
    usage_today.storage_used_gb,
    tenants.created_at
from tenants
left join quotas
    on quotas.tenant_id = tenants.tenant_id
left join usage_today
    on usage_today.tenant_id = tenants.tenant_id
