-- The four results of each closed day that a build touches add up to the source's attempts, tenant by
-- tenant, and no part is more than what it is part of. A result that nobody counts would be missing.
with counted as (

    select
        tenant_id,
        stat_date,
        successful_attempts + failed_attempts + blocked_attempts + suspended_attempts as attempts,
        case
            when mfa_successes > successful_attempts
                or suspicious_attempts
                > successful_attempts + failed_attempts + blocked_attempts + suspended_attempts
                or ip_address_count
                > successful_attempts + failed_attempts + blocked_attempts + suspended_attempts
                or lockouts <> blocked_attempts
                then 1
            else 0
        end as is_contradictory
    from {{ ref('saas_security_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        attempts.tenant_id,
        {{ business_date('attempts.created_at') }} as stat_date,
        -count(*) as attempts,
        0 as is_contradictory
    from {{ ref('stg_core__login_attempts') }} as attempts
    inner join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = attempts.tenant_id
    where attempts.created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and attempts.created_at < {{ as_of_date() }}
        and attempts.created_at >= {{ business_date('tenants.created_at') }}
    group by
        attempts.tenant_id,
        {{ business_date('attempts.created_at') }}

)

select
    tenant_id,
    stat_date,
    sum(attempts) as attempts_too_many,
    max(is_contradictory) as is_contradictory
from counted
group by
    tenant_id,
    stat_date
having sum(attempts) <> 0
    or max(is_contradictory) = 1
