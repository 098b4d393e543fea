-- Days that dim_dates lacks between its ends, a first day other than the oldest tenant's first January, or
-- a last one before as_of's year ends: a join on the day would silently lose those days' facts. Working
-- weekends on a weekday are typing errors of the seed.
with ends as (
    select
        min(calendar_date) as first_date,
        max(calendar_date) as last_date,
        count(*) as calendar_days,
        {{ sum_if('1', 'is_working_weekend and not is_weekend') }} as worked_weekdays
    from {{ ref('dim_dates') }}
),

tenants as (
    select min(created_at) as created_at
    from {{ ref('stg_core__tenants') }}
    where created_at <= {{ as_of() }}
)

select ends.*
from ends
cross join tenants
where ends.calendar_days <> {{ days_between('ends.first_date', 'ends.last_date') }} + 1
    or ends.worked_weekdays > 0
    or extract(month from ends.first_date) * 100 + extract(day from ends.first_date) <> 101
    or extract(year from ends.first_date) <> extract(year from coalesce(tenants.created_at, {{ as_of() }}))
    or extract(month from ends.last_date) * 100 + extract(day from ends.last_date) <> 1231
    or extract(year from ends.last_date) <> extract(year from {{ as_of_date() }})
