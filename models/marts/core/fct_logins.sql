-- One row per attempt to log in, successful or not. Attempts are not people: count distinct user_id, and keep
-- in mind that a mistyped name has none.
{{ config(materialized='window', window_column='created_at') }}

with attempts as (

    select
        login_attempt_id,
        tenant_id,
        username,
        login_method,
        attempt_result,
        failure_reason,
        ip_address,
        device_fingerprint,
        location,
        risk_score,
        is_suspicious,
        blocked_until_at,
        created_at
    from {{ ref('stg_core__login_attempts') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

users as (

    select
        user_id,
        tenant_id,
        username
    from {{ ref('stg_core__users') }}

)

select
    attempts.login_attempt_id,
    attempts.tenant_id,
    users.user_id,
    {{ mask_hash('attempts.username') }} as username_key,
    {{ business_date('attempts.created_at') }} as login_date,
    attempts.login_method,
    attempts.attempt_result,
    {{ cast_boolean("attempts.attempt_result = 'success'") }} as is_successful,
    attempts.failure_reason,
    attempts.risk_score,
    attempts.is_suspicious,
    attempts.blocked_until_at,
    {{ mask_hash('attempts.ip_address') }} as ip_key,
    {{ generalise_ip('attempts.ip_address') }} as ip_network,
    {{ mask_hash('attempts.device_fingerprint') }} as device_key,
    left({{ json_text('attempts.location', '$.country') }}, 10) as country_code,
    attempts.created_at
from attempts
-- a name and its tenant are one user at most (a unique key), as the name was typed
left join users
    on users.tenant_id = attempts.tenant_id
        and {{ by_code_point('users.username') }} = {{ by_code_point('attempts.username') }}
