{#- The month of a day as text, 2026-06. -#}
{% macro year_month(day) -%}
    {{ adapter.dispatch('year_month', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__year_month(day) -%} date_format({{ day }}, '%Y-%m') {%- endmacro %}

{% macro duckdb__year_month(day) -%} strftime({{ day }}, '%Y-%m') {%- endmacro %}

{% macro spark__year_month(day) -%} date_format({{ day }}, 'yyyy-MM') {%- endmacro %}
