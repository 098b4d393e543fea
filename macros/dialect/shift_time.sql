{#- The timestamp n units later; unit: second, minute, hour, day, week, month or year. -#}
{% macro shift_time(moment, n, unit) -%}
    {{ adapter.dispatch('shift_time', 'saas_warehouse')(moment, n, unit) }}
{%- endmacro %}

{% macro default__shift_time(moment, n, unit) -%}
    ({{ cast_to(moment, 'timestamp') }} + interval ({{ n }}) {{ unit }})
{%- endmacro %}

{% macro spark__shift_time(moment, n, unit) -%}
    {%- if unit in ('month', 'quarter', 'year') -%}
        {%- set months = {'month': 1, 'quarter': 3, 'year': 12}[unit] -%}
        ({{ cast_to(moment, 'timestamp') }} + make_ym_interval(0, cast({{ n }} as int) * {{ months }}))
    {%- else -%}
        {%- set seconds = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400, 'week': 604800}[unit] -%}
        ({{ cast_to(moment, 'timestamp') }} + make_dt_interval(0, 0, 0, cast({{ n }} as bigint) * {{ seconds }}))
    {%- endif -%}
{%- endmacro %}
