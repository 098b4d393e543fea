{#- A day and a time of day put together, as a timestamp. -#}
{% macro at_time(day, time_of_day) -%}
    {{ adapter.dispatch('at_time', 'saas_warehouse')(day, time_of_day) }}
{%- endmacro %}

{% macro mysql__at_time(day, time_of_day) -%} timestamp({{ day }}, {{ time_of_day }}) {%- endmacro %}

{% macro duckdb__at_time(day, time_of_day) -%} ({{ day }} + {{ time_of_day }}) {%- endmacro %}

{#- Times of day are text in the lake. -#}
{% macro spark__at_time(day, time_of_day) -%}
    cast(concat(cast(cast({{ day }} as date) as string), ' ', {{ time_of_day }}) as timestamp_ntz)
{%- endmacro %}
