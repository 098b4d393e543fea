-- One row per user, role, permission and scope in force now. A user may hold a permission through several
-- roles: rows count grants, not permissions.

with recursive assignments as (

    -- a scope that is not set is the whole tenant's, once
    select
        user_roles.tenant_id,
        user_roles.user_id,
        user_roles.role_id,
        coalesce(user_roles.scope_type, 'global') as scope_type
    from {{ ref('stg_core__user_roles') }} as user_roles
    where {{ is_assignment_in_force('user_roles') }}
    group by
        user_roles.tenant_id,
        user_roles.user_id,
        user_roles.role_id,
        coalesce(user_roles.scope_type, 'global')

),

roles as (

    select
        role_id,
        parent_role_id,
        role_code,
        status
    from {{ ref('stg_core__roles') }}
    where status = 'active'
        and {{ is_in_force('effective_start_at', 'effective_end_at') }}

),

-- up the chain of roles for as long as each says `inherit`; distinct rows end a chain that bites its tail
inheritances as (

    select
        roles.role_id,
        grants.permission_id,
        roles.parent_role_id
    from {{ ref('stg_core__role_permissions') }} as grants
    inner join roles
        on roles.role_id = grants.role_id
    where grants.permission_type = 'inherit'

    union distinct

    select
        inheritances.role_id,
        inheritances.permission_id,
        roles.parent_role_id
    from inheritances
    inner join roles
        on roles.role_id = inheritances.parent_role_id
    inner join {{ ref('stg_core__role_permissions') }} as grants
        on grants.role_id = inheritances.parent_role_id
            and grants.permission_id = inheritances.permission_id
    where grants.permission_type = 'inherit'

),

inherited as (

    select
        inheritances.role_id,
        inheritances.permission_id
    from inheritances
    inner join roles as parents
        on parents.role_id = inheritances.parent_role_id
    inner join {{ ref('stg_core__role_permissions') }} as grants
        on grants.role_id = inheritances.parent_role_id
            and grants.permission_id = inheritances.permission_id
    where grants.permission_type = 'allow'

)

select
    users.user_id,
    assignments.tenant_id,
    users.username,
    roles.role_code,
    permissions.permission_code,
    permissions.module,
    permissions.action,
    assignments.scope_type,
    roles.status as role_status
from assignments
inner join {{ ref('stg_core__users') }} as users
    on users.user_id = assignments.user_id
        and users.tenant_id = assignments.tenant_id
inner join roles
    on roles.role_id = assignments.role_id
inner join {{ ref('stg_core__role_permissions') }} as grants
    on grants.role_id = assignments.role_id
inner join {{ ref('stg_core__permissions') }} as permissions
    on permissions.permission_id = grants.permission_id
where users.status = 'active'
    and {{ is_present_user('users.status', 'users.deleted_at') }}
    and permissions.status = 'active'
    and (
        grants.permission_type = 'allow'
        or (
            grants.permission_type = 'inherit'
            and exists (
                select 1
                from inherited
                where inherited.role_id = grants.role_id
                    and inherited.permission_id = grants.permission_id
            )
        )
    )
    -- one refusal among the user's roles outweighs what the others allow
    and not exists (
        select 1
        from {{ ref('stg_core__user_roles') }} as user_roles
        inner join roles as refusing_roles
            on refusing_roles.role_id = user_roles.role_id
        inner join {{ ref('stg_core__role_permissions') }} as refusals
            on refusals.role_id = user_roles.role_id
        where user_roles.user_id = assignments.user_id
            and refusals.permission_id = grants.permission_id
            and refusals.permission_type = 'deny'
            and {{ is_assignment_in_force('user_roles') }}
    )
