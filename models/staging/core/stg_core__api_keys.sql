with source as (

    select * from {{ rows_of(source('core', 'saas_api_keys')) }}

),

renamed as (

    select
        -- ids
        id as api_key_id,
        tenant_id,
        user_id,

        -- text
        key_name,
        key_description,
        permissions,
        scopes,
        allowed_ips,
        allowed_domains,
        rate_limit_config,
        last_used_ip,
        status,
        created_by,
        revoked_by,

        -- numbers
        daily_request_limit,
        monthly_request_limit,
        concurrent_request_limit,
        total_requests,
        successful_requests,
        failed_requests,

        -- booleans
        auto_renew as is_auto_renewed,
        require_https as is_https_required,

        -- dates and times
        last_used_at,
        expires_at,
        created_at,
        updated_at,
        revoked_at
    from source

)

select * from renamed
