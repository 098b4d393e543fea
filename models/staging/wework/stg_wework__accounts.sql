with source as (

    select * from {{ rows_of(source('wework', 'wework_accounts')) }}

),

renamed as (

    select
        -- ids
        id as account_id,
        tenant_id,
        proxy_id,
        wework_user_id,
        wework_corp_id,

        -- text
        account_name,
        wework_guid,
        phone,
        status,
        tenant_tag,
        device_info,
        wework_user_name,
        wework_corp_name,
        created_by,

        -- numbers
        health_score,
        monitor_interval as monitor_interval_seconds,
        max_retry_count,
        retry_count,
        total_messages,
        successful_messages,
        failed_messages,
        online_duration_hours,
        offline_count,
        error_count,
        recovery_count,
        avg_message_response_time as avg_message_response_seconds,
        message_success_rate as message_success_rate_pct,
        uptime_percentage as uptime_pct,
        daily_message_limit,
        hourly_message_limit,
        message_interval_ms,

        -- booleans
        auto_reconnect as has_auto_reconnect,

        -- dates and times
        last_login_time as last_login_at,
        last_heartbeat_time as last_heartbeat_at,
        qr_code_expires_at,
        last_error_at,
        last_recovery_at,
        created_at,
        updated_at
    from source

)

select * from renamed
