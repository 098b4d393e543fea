{#- The first of the month, as a date. -#}
{% macro month_start(day) -%}
    {{ adapter.dispatch('month_start', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__month_start(day) -%} (cast({{ day }} as date) - interval (dayofmonth({{ day }}) - 1) day) {%- endmacro %}

{% macro duckdb__month_start(day) -%} cast(date_trunc('month', {{ day }}) as date) {%- endmacro %}

{% macro spark__month_start(day) -%} cast(trunc(cast({{ day }} as date), 'MM') as date) {%- endmacro %}
