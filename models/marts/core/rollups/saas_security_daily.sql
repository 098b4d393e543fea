-- One row per tenant and business day, from the tenant's created day. Counts may be summed over tenants
-- and days, ip_address_count may not: an address comes back. Attempts on an unknown tenant are left out.
{{ config(window_column='stat_date') }}

with tenant_days as (

    select
        spine.tenant_id,
        spine.stat_date
    from ({{ tenant_days() }}) as spine

),

-- every result is named because the index on moments begins with the result
attempts as (

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        attempt_result,
        login_method,
        is_suspicious,
        ip_address
    from {{ ref('stg_core__login_attempts') }}
    where attempt_result in ('success', 'failed', 'blocked', 'suspended')
        and created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
        and tenant_id is not null

),

attempt_figures as (

    select
        tenant_id,
        stat_date,
        {{ count_if("attempt_result = 'success'") }} as successful_attempts,
        {{ count_if("attempt_result = 'failed'") }} as failed_attempts,
        {{ count_if("attempt_result = 'blocked'") }} as blocked_attempts,
        {{ count_if("attempt_result = 'suspended'") }} as suspended_attempts,
        {{ count_if('is_suspicious') }} as suspicious_attempts,
        count(distinct {{ by_code_point('ip_address') }}) as ip_address_count,
        {{ count_if("attempt_result = 'success' and login_method = 'mfa'") }} as mfa_successes
    from attempts
    group by
        tenant_id,
        stat_date

),

audit_figures as (

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as audit_failures
    from {{ ref('stg_core__audit_logs') }}
    where status = 'failure'
        and created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

)

select
    tenant_days.tenant_id,
    tenant_days.stat_date,
    coalesce(attempt_figures.successful_attempts, 0) as successful_attempts,
    coalesce(attempt_figures.failed_attempts, 0) as failed_attempts,
    coalesce(attempt_figures.blocked_attempts, 0) as blocked_attempts,
    coalesce(attempt_figures.suspended_attempts, 0) as suspended_attempts,
    coalesce(attempt_figures.suspicious_attempts, 0) as suspicious_attempts,
    coalesce(attempt_figures.ip_address_count, 0) as ip_address_count,
    coalesce(attempt_figures.blocked_attempts, 0) as lockouts,
    coalesce(attempt_figures.mfa_successes, 0) as mfa_successes,
    coalesce(audit_figures.audit_failures, 0) as audit_failures
from tenant_days
left join attempt_figures
    on attempt_figures.tenant_id = tenant_days.tenant_id
        and attempt_figures.stat_date = tenant_days.stat_date
left join audit_figures
    on audit_figures.tenant_id = tenant_days.tenant_id
        and audit_figures.stat_date = tenant_days.stat_date
