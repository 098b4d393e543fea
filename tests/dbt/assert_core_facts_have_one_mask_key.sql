-- Rows of before the window that every build replaces whose pseudonym is not what the masking key of this
-- build makes of the source's value: the key was changed without a full refresh, so one person has two
-- pseudonyms, and counts and joins over both are wrong.
select
    fact_name,
    row_id
from {{ rows_of_another_key('fct_logins', 'stg_core__login_attempts', 'login_attempt_id', 'username_key', 'username') }}
union all
select
    fact_name,
    row_id
from {{ rows_of_another_key('fct_audit_events', 'stg_core__audit_logs', 'audit_log_id', 'ip_key', 'ip_address') }}
