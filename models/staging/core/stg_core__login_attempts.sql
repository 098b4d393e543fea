with source as (

    select * from {{ rows_of(source('core', 'saas_login_attempts')) }}

),

renamed as (

    select
        -- ids
        id as login_attempt_id,
        tenant_id,

        -- text
        username,
        email,
        phone,
        login_method,
        attempt_result,
        failure_reason,
        ip_address,
        user_agent,
        device_fingerprint,
        location,

        -- numbers
        risk_score,

        -- booleans
        is_suspicious,

        -- dates and times
        blocked_until as blocked_until_at,
        created_at
    from source

)

select * from renamed
