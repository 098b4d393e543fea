-- Each tenant is listed once and its users add up to the source's, and nobody holds a permission that one
-- of their roles in force refuses: fan-out and a forgotten refusal are what these two views can do wrong.
with overview as (

    select
        count(*) as tenants,
        count(distinct id) as distinct_tenants,
        coalesce(sum(user_count), 0) as users
    from {{ ref('v_tenant_overview') }}

),

source_rows as (

    select
        (select count(*) from {{ ref('stg_core__tenants') }}) as tenants,
        (select count(*) from {{ ref('stg_core__users') }} where {{ is_present_user() }}) as users

),

refused as (

    select distinct
        user_roles.user_id,
        permissions.permission_code
    from {{ ref('stg_core__user_roles') }} as user_roles
    inner join {{ ref('stg_core__roles') }} as roles
        on roles.role_id = user_roles.role_id
    inner join {{ ref('stg_core__role_permissions') }} as refusals
        on refusals.role_id = user_roles.role_id
    inner join {{ ref('stg_core__permissions') }} as permissions
        on permissions.permission_id = refusals.permission_id
    where refusals.permission_type = 'deny'
        and roles.status = 'active'
        and {{ is_in_force('roles.effective_start_at', 'roles.effective_end_at') }}
        and {{ is_assignment_in_force('user_roles') }}

)

select
    'tenants or users differ' as fault,
    overview.users as found,
    source_rows.users as expected
from overview
cross join source_rows
where overview.tenants <> source_rows.tenants
    or overview.distinct_tenants <> source_rows.tenants
    or overview.users <> source_rows.users

union all

select
    'a refused permission is held' as fault,
    count(*) as found,
    0 as expected
from {{ ref('v_user_permissions') }} as held
inner join refused
    on refused.user_id = held.user_id
        and refused.permission_code = held.permission_code
having count(*) > 0
