with source as (

    select * from {{ rows_of(source('core', 'saas_user_sessions')) }}

),

renamed as (

    select
        -- ids
        id as user_session_id,
        tenant_id,
        user_id,
        device_id,

        -- text
        device_type,
        device_name,
        device_fingerprint,
        login_ip,
        login_location,
        user_agent,
        login_method,
        status,
        security_level,
        anomaly_flags,
        permissions_cache,
        revoked_by,
        revoke_reason,

        -- numbers
        concurrent_sessions_count,
        risk_score,

        -- booleans
        is_trusted_device,

        -- dates and times
        created_at,
        expires_at,
        last_activity_at,
        last_refresh_at,
        revoked_at
    from source

)

select * from renamed
