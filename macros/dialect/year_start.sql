{#- The first of January, as a date. -#}
{% macro year_start(day) -%}
    {{ adapter.dispatch('year_start', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__year_start(day) -%} makedate(year({{ day }}), 1) {%- endmacro %}

{% macro duckdb__year_start(day) -%} cast(date_trunc('year', {{ day }}) as date) {%- endmacro %}

{% macro spark__year_start(day) -%} cast(trunc(cast({{ day }} as date), 'YEAR') as date) {%- endmacro %}
