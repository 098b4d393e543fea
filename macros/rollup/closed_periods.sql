{#- The calendar periods that a table of days, weeks (from Monday), months and years rebuilds: every one
    that meets the window and ended before as_of's day. A dict by stat_type of {first, end}: the first
    day of the first such period, and the day after the last one's last (equal when there is none). -#}
{% macro closed_periods() -%}
    {%- set window_first = window_day((window_start() | trim)[6:16]) -%}
    {%- set window_limit = window_day((window_end() | trim)[6:16]) -%}
    {%- set day = modules.datetime.timedelta(days=1) -%}
    {%- set periods = {} -%}
    {%- for stat_type in ['daily', 'weekly', 'monthly', 'yearly'] -%}
        {%- set first = first_of_period(stat_type, window_first) -%}
        {%- set last = first_of_period(stat_type, [window_limit, run_day()] | min - day) -%}
        {%- set after_last = first_of_next_period(stat_type, last) -%}
        {%- set end = after_last if after_last <= run_day() else last -%}
        {%- do periods.update({stat_type: {'first': first, 'end': [first, end] | max}}) -%}
    {%- endfor -%}
    {{ return(periods) }}
{%- endmacro %}


{% macro first_of_period(stat_type, day) -%}
    {%- if stat_type == 'weekly' -%}
        {{ return(day - modules.datetime.timedelta(days=day.weekday())) }}
    {%- endif -%}
    {%- set month = 1 if stat_type == 'yearly' else day.month -%}
    {{ return(day if stat_type == 'daily' else day.replace(month=month, day=1)) }}
{%- endmacro %}


{#- The longest period of a kind, and some days, from its first day on lies in the next one. -#}
{% macro first_of_next_period(stat_type, first) -%}
    {%- set days = {'daily': 1, 'weekly': 7, 'monthly': 31, 'yearly': 366} -%}
    {{ return(first_of_period(stat_type, first + modules.datetime.timedelta(days=days[stat_type]))) }}
{%- endmacro %}


{#- The days whose rows those periods are made from: {first, end}, half-open; equal when nothing is
    closed. Never before 2 January 1970, where MySQL's timestamps begin. -#}
{% macro closed_days() -%}
    {%- set window_first = window_day((window_start() | trim)[6:16]) -%}
    {%- set firsts = [window_first] -%}
    {%- set ends = [window_first] -%}
    {%- for period in closed_periods().values() if period.end > period.first -%}
        {%- do firsts.append(period.first) -%}
        {%- do ends.append(period.end) -%}
    {%- endfor -%}
    {{ return({'first': [firsts | min, window_day('1970-01-02')] | max, 'end': ends | max}) }}
{%- endmacro %}


{#- The rows of those periods: what a build replaces. -#}
{% macro rows_of_closed_periods() -%}
    (
        {%- for stat_type, period in closed_periods().items() %}
        {{ 'or ' if not loop.first -}}
        (stat_type = '{{ stat_type }}' and stat_date >= date '{{ period.first }}' and stat_date < date '{{ period.end }}')
        {%- endfor %}
    )
{%- endmacro %}


{#- A query of their days: date_day with stat_type, stat_date and next_date (the first day of the period
    it lies in, and of the next one), four rows a day at most. `days` has a column date_day. -#}
{% macro days_of_closed_periods(days) -%}
    {%- set firsts = {
        'daily': 'date_day',
        'weekly': week_start('date_day'),
        'monthly': month_start('date_day'),
        'yearly': year_start('date_day'),
    } -%}
    {%- for stat_type, period in closed_periods().items() %}
    select
        date_day,
        '{{ stat_type }}' as stat_type,
        {{ firsts[stat_type] }} as stat_date,
        {% if stat_type in ('daily', 'weekly') -%}
        {{ add_days(firsts[stat_type], 7 if stat_type == 'weekly' else 1) }} as next_date
        {%- else -%}
        {{ add_months(firsts[stat_type], 12 if stat_type == 'yearly' else 1) }} as next_date
        {%- endif %}
    from {{ days }}
    where date_day >= date '{{ period.first }}'
        and date_day < date '{{ period.end }}'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
