-- Dimensions that lack a row of their source, hold one twice, or whose users do not add up: every user of a
-- known tenant that is not deleted stands in exactly one tenant's count.
select
    tenants.dimension_rows,
    tenants.source_rows,
    tenants.user_count,
    users.dimension_users,
    users.source_users
from (
    select
        (select count(*) from {{ ref('dim_tenants') }}) as dimension_rows,
        (select count(*) from {{ ref('stg_core__tenants') }}) as source_rows,
        (select coalesce(sum(user_count), 0) from {{ ref('dim_tenants') }}) as user_count
) as tenants
cross join (
    select
        (select count(*) from {{ ref('dim_users') }}) as dimension_users,
        (select count(*) from {{ ref('stg_core__users') }}) as source_users,
        (select count(*) from {{ ref('dim_users') }} where status <> 'deleted') as live_users
) as users
where tenants.dimension_rows <> tenants.source_rows
    or users.dimension_users <> users.source_users
    or tenants.user_count <> users.live_users
