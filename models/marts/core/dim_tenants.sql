-- One row per tenant, as it is now; snap_core__tenants has earlier plans and states. Counts of users may be
-- summed over tenants, agreed quotas are limits and mean nothing in sum.
{{ config(primary_key=['tenant_id'], indexes=[['status', 'subscription_plan']]) }}

with tenants as (

    select
        tenant_id,
        tenant_code,
        tenant_name,
        tenant_type,
        company_info,
        business_info,
        subscription_plan,
        billing_cycle,
        subscription_start_date,
        subscription_end_date,
        status,
        enabled_modules,
        custom_domain,
        storage_quota_gb,
        bandwidth_quota_gb,
        created_at,
        updated_at
    from {{ ref('stg_core__tenants') }}

),

users as (

    select
        tenant_id,
        {{ count_if("status <> 'deleted'") }} as user_count,
        {{ count_if("status = 'active'") }} as active_user_count,
        {{ count_if("status <> 'deleted' and is_tenant_admin") }} as admin_count,
        max(last_login_at) as last_login_at
    from {{ ref('stg_core__users') }}
    group by tenant_id

)

select
    tenants.tenant_id,
    tenants.tenant_code,
    -- an individual's trading name may be the person's own
    case
        when tenants.tenant_type = 'individual' then {{ mask_name('tenants.tenant_name') }}
        else tenants.tenant_name
    end as tenant_name,
    tenants.tenant_type,
    left({{ json_text('tenants.company_info', '$.industry') }}, 100) as industry,
    {{ json_number('tenants.company_info', '$.employees', 'int') }} as employees,
    {{ generalise_address(json_part('tenants.company_info', '$.address')) }} as province,
    left({{ json_text('tenants.business_info', '$.line') }}, 100) as business_line,
    tenants.subscription_plan,
    tenants.billing_cycle,
    tenants.subscription_start_date,
    tenants.subscription_end_date,
    {{ cast_boolean(
        "coalesce(tenants.subscription_start_date <= " ~ as_of_date() ~ ", false)"
        ~ " and coalesce(tenants.subscription_end_date >= " ~ as_of_date() ~ ", true)"
    ) }} as has_running_subscription,
    tenants.status,
    {{ json_size('tenants.enabled_modules') }} as module_count,
    tenants.custom_domain,
    tenants.storage_quota_gb,
    tenants.bandwidth_quota_gb,
    coalesce(users.user_count, 0) as user_count,
    coalesce(users.active_user_count, 0) as active_user_count,
    coalesce(users.admin_count, 0) as admin_count,
    users.last_login_at,
    tenants.created_at,
    tenants.updated_at
from tenants
left join users
    on users.tenant_id = tenants.tenant_id
