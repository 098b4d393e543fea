{#- dbt.date_trunc, a timestamp on both engines; the *_start macros give dates. -#}
{% macro mysql__date_trunc(datepart, date) -%}
    {%- set formats = {'second': '%Y-%m-%d %H:%i:%s', 'minute': '%Y-%m-%d %H:%i:00', 'hour': '%Y-%m-%d %H:00:00'} -%}
    {%- if datepart in formats -%} cast(date_format({{ date }}, '{{ formats[datepart] }}') as datetime)
    {%- elif datepart == 'day' -%} cast(cast({{ date }} as date) as datetime)
    {%- elif datepart == 'week' -%} cast({{ week_start(date) }} as datetime)
    {%- elif datepart == 'month' -%} cast({{ month_start(date) }} as datetime)
    {%- elif datepart == 'quarter' -%} cast({{ quarter_start(date) }} as datetime)
    {%- elif datepart == 'year' -%} cast({{ year_start(date) }} as datetime)
    {%- else -%}
        {{ exceptions.raise_compiler_error('date_trunc: no part ' ~ datepart ~ ' on MySQL') }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__date_trunc(datepart, date) -%}
    date_trunc('{{ datepart }}', cast({{ date }} as timestamp))
{%- endmacro %}

{% macro spark__date_trunc(datepart, date) -%}
    cast(date_trunc('{{ datepart }}', {{ date }}) as timestamp_ntz)
{%- endmacro %}
