-- One row per WeCom account, as it is now, people masked. Scores, rates and means must not be summed or
-- averaged over accounts; the running totals are stocks since creation.
{{ config(primary_key=['account_id'], indexes=[['tenant_id', 'status'], ['phone_key']]) }}

with accounts as (

    select
        account_id,
        tenant_id,
        account_name,
        wework_guid,
        tenant_tag,
        phone,
        wework_user_id,
        wework_user_name,
        wework_corp_id,
        wework_corp_name,
        status,
        health_score,
        monitor_interval_seconds,
        max_retry_count,
        has_auto_reconnect,
        daily_message_limit,
        hourly_message_limit,
        message_interval_ms,
        total_messages,
        successful_messages,
        failed_messages,
        message_success_rate_pct,
        avg_message_response_seconds,
        online_duration_hours,
        uptime_pct,
        offline_count,
        error_count,
        recovery_count,
        last_login_at,
        last_heartbeat_at,
        last_error_at,
        last_recovery_at,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_wework__accounts') }}

),

status_changes as (

    select
        account_id,
        max(created_at) as status_changed_at
    from {{ ref('stg_wework__account_status_history') }}
    where created_at <= {{ as_of() }}
    group by account_id

)

select
    accounts.account_id,
    accounts.tenant_id,
    accounts.account_name,
    accounts.wework_guid,
    accounts.tenant_tag,
    {{ mask_phone('accounts.phone') }} as phone_masked,
    {{ mask_hash('accounts.phone') }} as phone_key,
    {{ mask_hash('accounts.wework_user_id') }} as wework_user_key,
    {{ mask_name('accounts.wework_user_name') }} as wework_user_name_masked,
    accounts.wework_corp_id,
    accounts.wework_corp_name,
    accounts.status,
    status_changes.status_changed_at,
    accounts.health_score,
    accounts.monitor_interval_seconds,
    accounts.max_retry_count,
    accounts.has_auto_reconnect,
    accounts.daily_message_limit,
    accounts.hourly_message_limit,
    accounts.message_interval_ms,
    accounts.total_messages,
    accounts.successful_messages,
    accounts.failed_messages,
    -- the columns' default 0 is no measurement: without messages, an answer or history it is NULL
    case
        when accounts.successful_messages + accounts.failed_messages > 0 then accounts.message_success_rate_pct
    end as message_success_rate_pct,
    nullif(accounts.avg_message_response_seconds, 0) as avg_message_response_seconds,
    accounts.online_duration_hours,
    case
        when status_changes.account_id is not null then accounts.uptime_pct
    end as uptime_pct,
    accounts.offline_count,
    accounts.error_count,
    accounts.recovery_count,
    accounts.last_login_at,
    accounts.last_heartbeat_at,
    accounts.last_error_at,
    accounts.last_recovery_at,
    accounts.created_by,
    accounts.created_at,
    accounts.updated_at
from accounts
left join status_changes
    on status_changes.account_id = accounts.account_id
