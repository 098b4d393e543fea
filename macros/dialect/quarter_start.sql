{#- The first day of the calendar quarter, as a date. -#}
{% macro quarter_start(day) -%}
    {{ adapter.dispatch('quarter_start', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__quarter_start(day) -%} (makedate(year({{ day }}), 1) + interval (quarter({{ day }}) - 1) quarter) {%- endmacro %}

{% macro duckdb__quarter_start(day) -%} cast(date_trunc('quarter', {{ day }}) as date) {%- endmacro %}

{% macro spark__quarter_start(day) -%} cast(trunc(cast({{ day }} as date), 'QUARTER') as date) {%- endmacro %}
