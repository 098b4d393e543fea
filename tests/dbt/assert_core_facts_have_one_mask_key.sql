-- Rows of before the window that every build replaces whose pseudonym is not what the masking key of this
-- build makes of the source's value: the key was changed without a full refresh, so one person has two
-- pseudonyms, and counts and joins over both are wrong.
{%- set facts = [
    ('fct_logins', 'stg_core__login_attempts', 'login_attempt_id', 'username_key', 'username'),
    ('fct_audit_events', 'stg_core__audit_logs', 'audit_log_id', 'ip_key', 'ip_address'),
] %}
{%- for fact, source, id, pseudonym, raw in facts %}
select
    '{{ fact }}' as fact_name,
    facts.{{ id }} as row_id
from {{ ref(fact) }} as facts
inner join {{ ref(source) }} as sources
    on sources.{{ id }} = facts.{{ id }}
where facts.created_at >= {{ add_days(as_of_date(), -20) }}
    and facts.created_at < {{ add_days(as_of_date(), -10) }}
    and facts.{{ pseudonym }} <> {{ mask_hash('sources.' ~ raw) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
