-- One row per tenant with an account and day since the tenant began, quiet days included. All counts may
-- be summed, but count rows of accounts: a person known to two of them is new twice.
{{ config(materialized='window', window_column='stat_date') }}

with first_accounts as (

    select
        tenant_id,
        min({{ business_date('created_at') }}) as first_date
    from {{ ref('stg_wework__accounts') }}
    where created_at <= {{ as_of() }}
    group by tenant_id

),

-- core may be switched off, or may have forgotten the tenant: then its first account's day counts
tenants as (

    select
        first_accounts.tenant_id,
        coalesce({{ business_date('core_tenants.created_at') }}, first_accounts.first_date) as first_date
    from first_accounts
    left join {{ ref('stg_core__tenants') }} as core_tenants
        on core_tenants.tenant_id = first_accounts.tenant_id

),

days as (

    select spine.date_day
    from (
        {{ day_spine(
            '(select ' ~ greatest_of(['min(first_date)', window_start()]) ~ ' from tenants)',
            window_last_day()
        ) }}
    ) as spine

),

tenant_days as (

    select
        tenants.tenant_id,
        days.date_day as stat_date
    from tenants
    inner join days
        on days.date_day >= tenants.first_date

),

contacts as (

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as new_contacts
    from {{ ref('stg_wework__contacts') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
    group by tenant_id, {{ business_date('created_at') }}

),

groups_created as (

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as new_groups
    from {{ ref('stg_wework__groups') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
    group by tenant_id, {{ business_date('created_at') }}

),

joins as (

    select
        tenant_id,
        {{ business_date('joined_at') }} as stat_date,
        count(*) as members_joined
    from {{ ref('stg_wework__group_members') }}
    where joined_at >= {{ window_start() }}
        and joined_at < {{ window_end() }}
    group by tenant_id, {{ business_date('joined_at') }}

),

leaves as (

    select
        tenant_id,
        {{ business_date('left_at') }} as stat_date,
        count(*) as members_left
    from {{ ref('stg_wework__group_members') }}
    where left_at >= {{ window_start() }}
        and left_at < {{ window_end() }}
    group by tenant_id, {{ business_date('left_at') }}

),

failed_syncs as (

    select
        tenant_id,
        last_synced_at
    from {{ ref('stg_wework__contacts') }}
    where sync_status = 'failed'
        and last_synced_at >= {{ window_start() }}
        and last_synced_at < {{ window_end() }}

    union all

    select
        tenant_id,
        last_synced_at
    from {{ ref('stg_wework__groups') }}
    where sync_status = 'failed'
        and last_synced_at >= {{ window_start() }}
        and last_synced_at < {{ window_end() }}

),

sync_failures as (

    select
        tenant_id,
        {{ business_date('last_synced_at') }} as stat_date,
        count(*) as sync_failures
    from failed_syncs
    group by tenant_id, {{ business_date('last_synced_at') }}

)

select
    tenant_days.tenant_id,
    tenant_days.stat_date,
    coalesce(contacts.new_contacts, 0) as new_contacts,
    coalesce(groups_created.new_groups, 0) as new_groups,
    coalesce(joins.members_joined, 0) as members_joined,
    coalesce(leaves.members_left, 0) as members_left,
    coalesce(sync_failures.sync_failures, 0) as sync_failures
from tenant_days
left join contacts
    on contacts.tenant_id = tenant_days.tenant_id
        and contacts.stat_date = tenant_days.stat_date
left join groups_created
    on groups_created.tenant_id = tenant_days.tenant_id
        and groups_created.stat_date = tenant_days.stat_date
left join joins
    on joins.tenant_id = tenant_days.tenant_id
        and joins.stat_date = tenant_days.stat_date
left join leaves
    on leaves.tenant_id = tenant_days.tenant_id
        and leaves.stat_date = tenant_days.stat_date
left join sync_failures
    on sync_failures.tenant_id = tenant_days.tenant_id
        and sync_failures.stat_date = tenant_days.stat_date
