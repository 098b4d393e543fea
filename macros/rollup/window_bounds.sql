{#- The half-open window of days [window_start, window_end) that an incremental build replaces:
    1. start_date and end_date, when given (a backfill; end_date alone defaults to the day after as_of);
    2. everything, on a first build or a full refresh;
    3. else the trailing lookback_days before as_of's day, and that day.
    Both are date literals where the clock is pinned, so that partitions are pruned. -#}
{% macro window_start(lookback_days=none) -%}
    {%- if var('start_date', none) -%}
        {{ date_literal(var('start_date')) }}
    {%- elif is_whole_build() -%}
        {{ date_literal('1970-01-02') }}
    {%- else -%}
        {{ add_days(as_of_date(), -1 * (lookback_days or var('lookback_days') | int)) }}
    {%- endif -%}
{%- endmacro %}


{% macro window_end() -%}
    {%- if var('end_date', none) -%}
        {{ date_literal(var('end_date')) }}
    {%- else -%}
        {{ add_days(as_of_date(), 1) }}
    {%- endif -%}
{%- endmacro %}


{#- True on --full-refresh and while the target holds no rows yet. -#}
{% macro is_whole_build() -%}
    {%- if flags.FULL_REFRESH -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if execute and flags.WHICH in ('run', 'build') and load_cached_relation(this) is not none -%}
        {{ return(run_query('select 1 as found from ' ~ this ~ ' limit 1') | length == 0) }}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}
