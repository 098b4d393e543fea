-- One row per customer, behaviour, kind of period and period's first day with an event. Periods contain
-- each other: figures may be summed within one stat_period only, means and growth never.
-- Only the window's events are read: weeks and months come from days, quarters from months, years from
-- quarters and all_time from years. A row of 0 events says that the period has lost its last one.
{{ config(
    materialized='keyed_window',
    window_column='stat_date',
    unique_key='id',
    gone_when='event_count = 0',
    stamped=true,
) }}

{%- set last_day = add_days(window_end(), -1) -%}

{#- the periods that contain a day of the window, [first, end), and so are computed anew #}
{%- set spans = {
    'day': [window_start(), window_end()],
    'week': [week_start(window_start()), add_days(week_start(last_day), 7)],
    'month': [month_start(window_start()), add_months(month_start(last_day), 1)],
    'quarter': [quarter_start(window_start()), add_months(quarter_start(last_day), 3)],
    'year': [year_start(window_start()), add_months(year_start(last_day), 12)],
} -%}

{#- what is read beside them: the rest of the periods that contain them, and both neighbours #}
{%- set surroundings = {
    'day': [add_days(spans.month[0], -7), add_days(spans.month[1], 7)],
    'week': [add_days(spans.week[0], -7), add_days(spans.week[1], 7)],
    'month': [add_months(spans.quarter[0], -1), add_months(spans.quarter[1], 1)],
    'quarter': [add_months(spans.year[0], -3), add_months(spans.year[1], 3)],
} -%}

{%- set levels = [
    ('week', 'day', week_start('stat_date')),
    ('month', 'day', month_start('stat_date')),
    ('quarter', 'month', quarter_start('stat_date')),
    ('year', 'quarter', year_start('stat_date')),
    ('all_time', 'year', "date '1970-01-01'"),
] -%}

with event_days as (

    select
        customer_id,
        behavior_id,
        {{ business_date('occurred_at') }} as stat_date,
        count(*) as event_count,
        sum(event_value) as total_value,
        max(event_value) as max_value,
        sum(duration_seconds) as total_duration_seconds,
        min(occurred_at) as first_event_time,
        max(occurred_at) as last_event_time
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ window_start() }}
        and occurred_at < {{ window_end() }}
    group by
        customer_id,
        behavior_id,
        {{ business_date('occurred_at') }}

),

-- a day that was counted before and has no events any more stays among these with 0 of them; instants are
-- cast because MySQL's min() over NULLs of a timestamp column is 0000-00-00
window_days as (

    select
        customers.tenant_id,
        event_days.customer_id,
        event_days.behavior_id,
        event_days.stat_date,
        event_days.event_count,
        event_days.total_value,
        event_days.max_value,
        event_days.total_duration_seconds,
        {{ cast_to('event_days.first_event_time', 'timestamp') }} as first_event_time,
        {{ cast_to('event_days.last_event_time', 'timestamp') }} as last_event_time
    from event_days
    inner join {{ ref('stg_customer__customers') }} as customers
        on customers.customer_id = event_days.customer_id
    inner join {{ ref('stg_customer__behavior_definitions') }} as behaviors
        on behaviors.behavior_id = event_days.behavior_id
    where behaviors.has_statistics

    union all

    select
        counted_days.tenant_id,
        counted_days.customer_id,
        counted_days.behavior_id,
        counted_days.stat_date,
        0 as event_count,
        null as total_value,
        null as max_value,
        null as total_duration_seconds,
        null as first_event_time,
        null as last_event_time
    from {{ own_rows() }} as counted_days
    where counted_days.stat_period = 'day'
        and counted_days.stat_date >= {{ window_start() }}
        and counted_days.stat_date < {{ window_end() }}

),

day_rows as (

    select
        max(tenant_id) as tenant_id,
        customer_id,
        behavior_id,
        'day' as stat_period,
        stat_date,
        sum(event_count) as event_count,
        sum(total_value) as total_value,
        max(max_value) as max_value,
        sum(total_duration_seconds) as total_duration_seconds,
        min(first_event_time) as first_event_time,
        max(last_event_time) as last_event_time
    from window_days
    group by
        customer_id,
        behavior_id,
        stat_date

),

active_pairs as (

    select distinct
        customer_id,
        behavior_id
    from day_rows

),

kept_rows as (

    select
        kept.tenant_id,
        kept.customer_id,
        kept.behavior_id,
        kept.stat_period,
        kept.stat_date,
        kept.event_count,
        kept.total_value,
        kept.max_value,
        kept.total_duration_seconds,
        {{ cast_to('kept.first_event_time', 'timestamp') }} as first_event_time,
        {{ cast_to('kept.last_event_time', 'timestamp') }} as last_event_time
    from active_pairs
    inner join {{ own_rows() }} as kept
        on kept.customer_id = active_pairs.customer_id
            and kept.behavior_id = active_pairs.behavior_id
    where (
        {%- for period, (first_day, end_day) in surroundings.items() %}
        (
            kept.stat_period = '{{ period }}'
            and kept.stat_date >= {{ first_day }}
            and kept.stat_date < {{ end_day }}
            and (kept.stat_date < {{ spans[period][0] }} or kept.stat_date >= {{ spans[period][1] }})
        )
        or
        {%- endfor %}
        (
            kept.stat_period = 'year'
            and (kept.stat_date < {{ spans.year[0] }} or kept.stat_date >= {{ spans.year[1] }})
        )
    )

),

{% for period, part, first_day in levels -%}
{{ period }}_rows as (

    select
        max(tenant_id) as tenant_id,
        customer_id,
        behavior_id,
        '{{ period }}' as stat_period,
        period_start as stat_date,
        sum(event_count) as event_count,
        sum(total_value) as total_value,
        max(max_value) as max_value,
        sum(total_duration_seconds) as total_duration_seconds,
        min(first_event_time) as first_event_time,
        max(last_event_time) as last_event_time
    from (
        select
            {{ part }}_rows.*,
            {{ first_day }} as period_start
        from {{ part }}_rows

        union all

        select
            kept_rows.*,
            {{ first_day }} as period_start
        from kept_rows
        where stat_period = '{{ part }}'
            {%- if period in spans %}
            and stat_date >= {{ spans[period][0] }}
            and stat_date < {{ spans[period][1] }}
            {%- endif %}
    ) as parts
    group by
        customer_id,
        behavior_id,
        period_start

),

{% endfor -%}

all_rows as (

    {% for period in ['day', 'week', 'month', 'quarter', 'year', 'all_time'] -%}
    select
        {{ period }}_rows.*,
        1 as is_computed
    from {{ period }}_rows

    union all

    {% endfor -%}

    select
        kept_rows.*,
        0 as is_computed
    from kept_rows

),

with_neighbours as (

    select
        all_rows.*,
        lag(stat_date) over by_period as previous_date,
        lag(event_count) over by_period as previous_count,
        case stat_period
            when 'day' then {{ add_days('stat_date', -1) }}
            when 'week' then {{ add_days('stat_date', -7) }}
            when 'month' then {{ add_months('stat_date', -1) }}
            when 'quarter' then {{ add_months('stat_date', -3) }}
            when 'year' then {{ add_months('stat_date', -12) }}
        end as adjacent_date
    from all_rows
    window by_period as (partition by customer_id, behavior_id, stat_period order by stat_date)

),

with_adjacent_count as (

    select
        with_neighbours.*,
        case when previous_date = adjacent_date then nullif(previous_count, 0) end as adjacent_count
    from with_neighbours
    where is_computed = 1
        -- an unchanged period may have a new growth where the one before it changed
        {%- for period in spans %}
        or (stat_period = '{{ period }}' and stat_date = {{ spans[period][1] }})
        {%- endfor %}

),

with_growth as (

    select
        with_adjacent_count.*,
        {{ exact_divide('100 * (event_count - adjacent_count)', 'adjacent_count', 2) }} as growth_rate
    from with_adjacent_count

)

select
    {{ row_id(['customer_id', 'behavior_id', 'stat_period', 'stat_date']) }} as id,
    tenant_id,
    customer_id,
    behavior_id,
    stat_period,
    stat_date,
    event_count,
    coalesce(total_value, 0) as total_value,
    coalesce({{ exact_divide('total_value', 'event_count', 2) }}, 0) as avg_value,
    max_value,
    coalesce(total_duration_seconds, 0) as total_duration_seconds,
    coalesce({{ exact_divide('total_duration_seconds', 'event_count', 0) }}, 0) as avg_duration_seconds,
    case
        when 100 * event_count > 105 * adjacent_count then 'up'
        when 100 * event_count < 95 * adjacent_count then 'down'
        when adjacent_count is not null then 'stable'
    end as trend_direction,
    {{ clamp('growth_rate', '-999.99', '999.99') }} as growth_rate,
    first_event_time,
    last_event_time
from with_growth
