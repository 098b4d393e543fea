with source as (

    select * from {{ rows_of(source('core', 'saas_tenants')) }}

),

renamed as (

    select
        -- ids
        id as tenant_id,

        -- text
        tenant_code,
        tenant_name,
        tenant_type,
        company_info,
        contact_info,
        business_info,
        subscription_plan,
        billing_cycle,
        tenant_config,
        custom_domain,
        logo_url,
        theme_config,
        api_rate_limits,
        status,
        suspension_reason,
        enabled_modules,
        feature_flags,
        resource_limits,
        ip_whitelist,
        allowed_login_hours as login_hour_rules,
        created_by,
        updated_by,

        -- numbers
        storage_quota_gb,
        bandwidth_quota_gb,

        -- dates and times
        subscription_start_date,
        subscription_end_date,
        created_at,
        updated_at
    from source

)

select * from renamed
