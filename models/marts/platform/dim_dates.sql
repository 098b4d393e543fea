-- One row per calendar day, from the first January of the oldest tenant's year to the 31 December of as_of's.
-- Nothing here is a measure: count rows, sum nothing.
{{ config(primary_key=['calendar_date'], indexes=[['month_start_date']]) }}

{%- set weekdays = [
    ('Monday', '星期一'), ('Tuesday', '星期二'), ('Wednesday', '星期三'), ('Thursday', '星期四'),
    ('Friday', '星期五'), ('Saturday', '星期六'), ('Sunday', '星期日'),
] %}
{%- set months = [
    'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
    'November', 'December',
] %}

{#- All data belongs to tenants, and none of it is older than its tenant: no look into any fact. -#}
{%- set first_day -%}
    (
        select coalesce({{ year_start('min(created_at)') }}, {{ year_start(as_of_date()) }})
        from {{ ref('stg_core__tenants') }}
        where created_at <= {{ as_of() }}
    )
{%- endset %}

with days as (

    select spine.date_day as calendar_date
    from (
        {{ day_spine(first_day, add_days(year_start(add_months(as_of_date(), 12)), -1)) }}
    ) as spine

),

parts as (

    select
        calendar_date,
        {{ year_start('calendar_date') }} as year_start_date,
        {{ quarter_start('calendar_date') }} as quarter_start_date,
        {{ month_start('calendar_date') }} as month_start_date,
        {{ week_start('calendar_date') }} as week_start_date,
        cast(extract(year from calendar_date) as {{ cast_type('int') }}) as year_number,
        cast(extract(quarter from calendar_date) as {{ cast_type('int') }}) as quarter_number,
        cast(extract(month from calendar_date) as {{ cast_type('int') }}) as month_number,
        cast(extract(day from calendar_date) as {{ cast_type('int') }}) as day_of_month,
        cast({{ day_of_week('calendar_date') }} as {{ cast_type('int') }}) as day_of_week,
        cast({{ iso_year_week('calendar_date') }} as {{ cast_type('int') }}) as iso_year_week
    from days

),

calendar as (

    select
        calendar_date,
        day_type,
        holiday_name_en,
        holiday_name_zh
    from {{ ref('chinese_holidays') }}

),

-- Every year's notice has New Year's Day; a year without it has not been announced, or is too old.
announced_years as (

    select {{ year_start('calendar_date') }} as year_start_date
    from calendar
    where day_type = 'holiday'
        and {{ year_start('calendar_date') }} = calendar_date

)

select
    parts.calendar_date,
    parts.year_number,
    parts.quarter_number,
    parts.month_number,
    {{ year_month('parts.calendar_date') }} as calendar_month,
    parts.iso_year_week,
    parts.day_of_month,
    parts.day_of_week,
    cast({{ days_between('parts.year_start_date', 'parts.calendar_date') }} + 1 as {{ cast_type('int') }}) as day_of_year,
    case parts.month_number
        {%- for name in months %}
        when {{ loop.index }} then '{{ name }}'
        {%- endfor %}
    end as month_name_en,
    case parts.day_of_week
        {%- for english, _ in weekdays %}
        when {{ loop.index }} then '{{ english }}'
        {%- endfor %}
    end as day_name_en,
    case parts.day_of_week
        {%- for _, chinese in weekdays %}
        when {{ loop.index }} then '{{ chinese }}'
        {%- endfor %}
    end as day_name_zh,
    parts.week_start_date,
    parts.month_start_date,
    {{ add_days(add_months('parts.month_start_date', 1), -1) }} as month_end_date,
    parts.quarter_start_date,
    parts.year_start_date,
    {{ cast_boolean('parts.day_of_week >= 6') }} as is_weekend,
    {{ cast_boolean('announced_years.year_start_date is not null') }} as has_announced_holidays,
    case
        when announced_years.year_start_date is not null
            then {{ cast_boolean("coalesce(calendar.day_type = 'holiday', false)") }}
    end as is_holiday,
    case
        when announced_years.year_start_date is not null
            then {{ cast_boolean("coalesce(calendar.day_type = 'workday', false)") }}
    end as is_working_weekend,
    case
        when announced_years.year_start_date is not null
            then {{ cast_boolean(
                "coalesce(calendar.day_type = 'workday', parts.day_of_week <= 5)"
            ) }}
    end as is_working_day,
    calendar.holiday_name_en,
    calendar.holiday_name_zh
from parts
left join calendar
    on calendar.calendar_date = parts.calendar_date
left join announced_years
    on announced_years.year_start_date = parts.year_start_date
