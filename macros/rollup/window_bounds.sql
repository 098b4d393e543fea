{#- The half-open window of days [window_start, window_end) that an incremental build replaces:
    1. start_date and end_date, when given (a backfill; without end_date up to and with as_of's day);
    2. everything up to as_of's day, on a first build or a full refresh;
    3. else as_of's day and the trailing days before it: the var lookback_days, or the model's own
       lookback_days where that is longer.
    Both are date literals, fixed for the whole invocation: partitions are pruned, and a build that
    runs over midnight inserts the very days that it deleted. -#}
{% macro window_start() -%}
    {%- do check_window_vars() -%}
    {%- if var('start_date', none) -%}
        date '{{ window_day(var('start_date')) }}'
    {%- elif is_whole_build() -%}
        date '1970-01-02'{{ mark_cut('window_start') }}
    {%- else -%}
        {%- set lookback = [var('lookback_days') | int, config.get('lookback_days', 0) | int] | max -%}
        date '{{ run_day() - modules.datetime.timedelta(days=lookback) }}'
    {%- endif -%}
{%- endmacro %}


{% macro window_end() -%}
    {%- do check_window_vars() -%}
    {%- if var('end_date', none) -%}
        date '{{ window_day(var('end_date')) }}'
    {%- else -%}
        date '{{ run_day() + modules.datetime.timedelta(days=1) }}'{{ mark_cut('window_end') }}
    {%- endif -%}
{%- endmacro %}


{#- The window's last day that can hold rows: never after as_of's. -#}
{% macro window_last_day() -%}
    {%- set last = run_day() -%}
    {%- if var('end_date', none) -%}
        {%- set last = [last, window_day(var('end_date')) - modules.datetime.timedelta(days=1)] | min -%}
    {%- endif -%}
    date '{{ last }}'{{ mark_cut('window_last_day') }}
{%- endmacro %}


{#- Where a whole build by months puts other days (fill_twin.sql). -#}
{% macro mark_cut(end) -%}
    {%- if is_made_by_month() %} /*{{ end }}*/{% endif -%}
{%- endmacro %}


{#- as_of's day as a Python date; unpinned, the day on which this invocation began. -#}
{% macro run_day() -%}
    {%- set pinned = as_of_value() -%}
    {%- if pinned -%}
        {{ return(window_day(pinned[:10])) }}
    {%- endif -%}
    {{ return(run_started_at.astimezone(modules.pytz.timezone('Asia/Shanghai')).date()) }}
{%- endmacro %}


{#- A day given as text (or a date, as YAML reads it) as a Python date. -#}
{% macro window_day(given) -%}
    {%- set text = given | string | trim -%}
    {%- if not modules.re.match('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$', text) -%}
        {{ exceptions.raise_compiler_error("'" ~ text ~ "' is not a date; write it as 2026-06-30.") }}
    {%- endif -%}
    {{ return(modules.datetime.datetime.strptime(text, '%Y-%m-%d').date()) }}
{%- endmacro %}


{% macro check_window_vars() -%}
    {%- if var('end_date', none) and not var('start_date', none) -%}
        {{ exceptions.raise_compiler_error("end_date is set without start_date; give both ends of the window.") }}
    {%- elif var('end_date', none) and window_day(var('start_date')) >= window_day(var('end_date')) -%}
        {{ exceptions.raise_compiler_error(
            "start_date " ~ var('start_date') ~ " is not before end_date " ~ var('end_date')
            ~ "; the end is exclusive, so one day is start_date 2026-06-30, end_date 2026-07-01."
        ) }}
    {%- endif -%}
{%- endmacro %}


{#- True on --full-refresh and while the target is not there or holds no rows yet. -#}
{% macro is_whole_build() -%}
    {%- if flags.FULL_REFRESH -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {{ return(
            load_cached_relation(this) is none
            or run_query('select 1 as found from ' ~ this ~ ' limit 1') | length == 0
        ) }}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}
