-- Closed days that a build touches on which a fact has more or fewer rows than its source: rows lost to a
-- join, doubled by one (a user name that is there twice), or left over from rows that the source took back.
{%- set facts = [
    ('fct_logins', 'stg_core__login_attempts'),
    ('fct_audit_events', 'stg_core__audit_logs'),
    ('fct_alerts', 'stg_core__alerts'),
] %}
{%- for fact, source in facts %}
select
    '{{ fact }}' as fact_name,
    both_sides.day_of_rows,
    sum(both_sides.fact_rows) as fact_rows,
    sum(both_sides.source_rows) as source_rows
from (
    select
        {{ business_date('created_at') }} as day_of_rows,
        count(*) as fact_rows,
        0 as source_rows
    from {{ ref(fact) }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and created_at < {{ as_of_date() }}
    group by {{ business_date('created_at') }}
    union all
    select
        {{ business_date('created_at') }} as day_of_rows,
        0 as fact_rows,
        count(*) as source_rows
    from {{ ref(source) }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and created_at < {{ as_of_date() }}
    group by {{ business_date('created_at') }}
) as both_sides
group by both_sides.day_of_rows
having sum(both_sides.fact_rows) <> sum(both_sides.source_rows)
{{ 'union all' if not loop.last }}
{%- endfor %}
