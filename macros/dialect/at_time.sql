{#- A day and a time of day put together, as a timestamp. -#}
{% macro at_time(day, time_of_day) -%}
    {{ adapter.dispatch('at_time', 'saas_warehouse')(day, time_of_day) }}
{%- endmacro %}

{% macro mysql__at_time(day, time_of_day) -%} timestamp({{ day }}, {{ time_of_day }}) {%- endmacro %}

{% macro duckdb__at_time(day, time_of_day) -%} ({{ day }} + {{ time_of_day }}) {%- endmacro %}
