-- An attempt on a tenant that does not exist, or from before its tenant did, has no row to be counted in.
-- Whoever guesses tenant codes shows up here alone, so this count is worth a look, not a stop; a mistyped
-- code now and then is not, so a day counts from ten on that are more than a tenth of its attempts.
{{ config(severity='warn', store_failures=true) }}

{%- set is_left_out = 'tenants.tenant_id is null or attempts.created_at < ' ~ business_date('tenants.created_at') %}

select
    {{ business_date('attempts.created_at') }} as attempt_date,
    sum(case when {{ is_left_out }} then 1 else 0 end) as attempts
from {{ ref('stg_core__login_attempts') }} as attempts
left join {{ ref('stg_core__tenants') }} as tenants
    on tenants.tenant_id = attempts.tenant_id
where attempts.created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
    and attempts.created_at < {{ as_of_date() }}
group by {{ business_date('attempts.created_at') }}
having sum(case when {{ is_left_out }} then 1 else 0 end) >= 10
    and sum(case when {{ is_left_out }} then 1 else 0 end) > 0.1 * count(*)
