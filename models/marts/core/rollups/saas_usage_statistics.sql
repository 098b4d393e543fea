-- One row per tenant and business day, from the tenant's created day, over all domains. Flows may be
-- summed over days; active_users, health_patients_active, storage_used_gb and wework_accounts_online are
-- distinct counts and stocks and may not.
{{ config(window_column='usage_date', stamped=true, grain=['tenant_id', 'usage_date']) }}
{%- set flows = [
    'api_calls', 'bandwidth_bytes', 'wework_messages_sent', 'wework_alerts_triggered', 'ai_conversations',
    'ai_tokens_consumed', 'ai_requests', 'ai_cost', 'health_records_created', 'notifications_sent',
    'files_uploaded', 'exports_performed',
] %}
{%- set gib = 1073741824 %}

with tenant_spans as (

    select
        tenant_id,
        {{ greatest_of([business_date('created_at'), window_start()]) }} as first_day
    from {{ ref('stg_core__tenants') }}
    where created_at < {{ day_start(add_days(window_last_day(), 1)) }}

),

tenant_days as (

    select
        spine.tenant_id,
        spine.stat_date as usage_date
    from ({{ tenant_days() }}) as spine

),

flows as (

    select
        tenant_usage.tenant_id,
        tenant_usage.usage_date,
        sum(tenant_usage.api_calls) as api_calls,
        sum(tenant_usage.bandwidth_bytes) as bandwidth_bytes,
        sum(tenant_usage.wework_messages_sent) as wework_messages_sent,
        sum(tenant_usage.wework_alerts_triggered) as wework_alerts_triggered,
        sum(tenant_usage.ai_conversations) as ai_conversations,
        sum(tenant_usage.ai_tokens_consumed) as ai_tokens_consumed,
        sum(tenant_usage.ai_requests) as ai_requests,
        sum(tenant_usage.ai_cost) as ai_cost,
        sum(tenant_usage.health_records_created) as health_records_created,
        sum(tenant_usage.notifications_sent) as notifications_sent,
        sum(tenant_usage.files_uploaded) as files_uploaded,
        sum(tenant_usage.exports_performed) as exports_performed
    from ({{ tenant_usage_by_day(flows, window_start(), window_end()) }}) as tenant_usage
    group by
        tenant_usage.tenant_id,
        tenant_usage.usage_date

),

-- attempts know the name that was typed: equal by collation finds it by index, by code point means it
user_days as (

    select
        attempts.tenant_id,
        {{ business_date('attempts.created_at') }} as usage_date,
        users.user_id
    from {{ ref('stg_core__login_attempts') }} as attempts
    inner join {{ ref('stg_core__users') }} as users
        on users.tenant_id = attempts.tenant_id
            and users.username = attempts.username
            and {{ by_code_point('users.username') }} = {{ by_code_point('attempts.username') }}
    where attempts.attempt_result = 'success'
        and attempts.created_at >= {{ window_start() }}
        and attempts.created_at < {{ window_end() }}

    union distinct

    select
        tenant_id,
        {{ business_date('created_at') }} as usage_date,
        operator_id as user_id
    from {{ ref('stg_core__audit_logs') }}
    where operator_type = 'user'
        and operator_id is not null
        and created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

user_figures as (

    select
        tenant_id,
        usage_date,
        count(*) as active_users
    from user_days
    group by
        tenant_id,
        usage_date

),

-- what is there before the tenant's first day in the window counts as added on that day; yesterday's
-- figure is rounded, so that a sum must begin with the files
files as (

    select
        files.tenant_id,
        files.file_size_bytes,
        {{ greatest_of([business_date('files.created_at'), 'tenant_spans.first_day']) }} as added_date,
        {{ greatest_of([
            business_date('files.created_at'),
            business_date('files.deleted_at'),
            'tenant_spans.first_day',
        ]) }} as removed_date
    from {{ ref('stg_core__files') }} as files
    inner join tenant_spans
        on tenant_spans.tenant_id = files.tenant_id
    where files.created_at < {{ window_end() }}
        and not coalesce(files.is_temporary, false)

),

file_changes as (

    select
        tenant_id,
        added_date as usage_date,
        sum(file_size_bytes) as bytes
    from files
    group by
        tenant_id,
        added_date

    union all

    select
        tenant_id,
        removed_date as usage_date,
        -sum(file_size_bytes) as bytes
    from files
    where removed_date < {{ window_end() }}
    group by
        tenant_id,
        removed_date

),

storage_changes as (

    select
        tenant_id,
        usage_date,
        sum(bytes) as bytes
    from file_changes
    group by
        tenant_id,
        usage_date

),

storage as (

    select
        tenant_days.tenant_id,
        tenant_days.usage_date,
        sum(coalesce(storage_changes.bytes, 0)) over (
            partition by tenant_days.tenant_id
            order by tenant_days.usage_date
        ) as bytes
    from tenant_days
    left join storage_changes
        on storage_changes.tenant_id = tenant_days.tenant_id
            and storage_changes.usage_date = tenant_days.usage_date

),

account_figures as (

    select
        stretches.tenant_id,
        stretches.stat_date as usage_date,
        count(*) as wework_accounts_online
    from ({{ account_status_segments() }}) as stretches
    where stretches.status = 'ONLINE'
        and stretches.ends_at = {{ day_start(add_days('stretches.stat_date', 1)) }}
    group by
        stretches.tenant_id,
        stretches.stat_date

),

patient_days as (

    select
        tenant_id,
        {{ business_date('recorded_at') }} as usage_date,
        patient_id
    from {{ ref('stg_health__records') }}
    where recorded_at >= {{ window_start() }}
        and recorded_at < {{ window_end() }}

    union distinct

    select
        tenant_id,
        {{ business_date('measured_at') }} as usage_date,
        patient_id
    from {{ ref('stg_health__vital_signs') }}
    where measured_at >= {{ window_start() }}
        and measured_at < {{ window_end() }}

),

patient_figures as (

    select
        tenant_id,
        usage_date,
        count(*) as health_patients_active
    from patient_days
    group by
        tenant_id,
        usage_date

)

select
    {{ row_id(['tenant_days.tenant_id', 'tenant_days.usage_date']) }} as id,
    tenant_days.tenant_id,
    tenant_days.usage_date,
    coalesce(user_figures.active_users, 0) as active_users,
    coalesce(flows.api_calls, 0) as api_calls,
    {{ exact_divide('storage.bytes', gib, 2) }} as storage_used_gb,
    coalesce({{ exact_divide('flows.bandwidth_bytes', gib, 2) }}, 0) as bandwidth_used_gb,
    coalesce(account_figures.wework_accounts_online, 0) as wework_accounts_online,
    coalesce(flows.wework_messages_sent, 0) as wework_messages_sent,
    coalesce(flows.wework_alerts_triggered, 0) as wework_alerts_triggered,
    coalesce(flows.ai_conversations, 0) as ai_conversations,
    coalesce(flows.ai_tokens_consumed, 0) as ai_tokens_consumed,
    coalesce(flows.ai_requests, 0) as ai_requests,
    {{ round_half_up('coalesce(flows.ai_cost, 0)', 4) }} as ai_cost,
    coalesce(flows.health_records_created, 0) as health_records_created,
    coalesce(patient_figures.health_patients_active, 0) as health_patients_active,
    coalesce(flows.notifications_sent, 0) as notifications_sent,
    coalesce(flows.files_uploaded, 0) as files_uploaded,
    coalesce(flows.exports_performed, 0) as exports_performed
from tenant_days
inner join storage
    on storage.tenant_id = tenant_days.tenant_id
        and storage.usage_date = tenant_days.usage_date
left join flows
    on flows.tenant_id = tenant_days.tenant_id
        and flows.usage_date = tenant_days.usage_date
left join user_figures
    on user_figures.tenant_id = tenant_days.tenant_id
        and user_figures.usage_date = tenant_days.usage_date
left join account_figures
    on account_figures.tenant_id = tenant_days.tenant_id
        and account_figures.usage_date = tenant_days.usage_date
left join patient_figures
    on patient_figures.tenant_id = tenant_days.tenant_id
        and patient_figures.usage_date = tenant_days.usage_date
