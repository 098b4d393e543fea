-- Each customer's running week, month, quarter and year hold as many events as what they are made of, and
-- all_time as many as all years. The build computes a period from stored shorter ones; this is what shows
-- one that was missed.
{% set periods = [
    ('week', 'day', week_start(as_of_date())),
    ('month', 'day', month_start(as_of_date())),
    ('quarter', 'month', quarter_start(as_of_date())),
    ('year', 'quarter', year_start(as_of_date())),
    ('all_time', 'year', "date '1970-01-01'"),
] %}
with counted as (

    {% for period, part, first_day in periods -%}
    select
        customer_id,
        behavior_id,
        '{{ period }}' as stat_period,
        case when stat_period = '{{ period }}' then event_count else -event_count end as events
    from {{ ref('customer_behavior_statistics') }}
    where stat_period in ('{{ period }}', '{{ part }}')
        and stat_date >= {{ first_day }}
    {%- if not loop.last %}

    union all

    {% endif -%}
    {% endfor %}

)

select
    customer_id,
    behavior_id,
    stat_period,
    sum(events) as events_too_many
from counted
group by
    customer_id,
    behavior_id,
    stat_period
having sum(events) <> 0
