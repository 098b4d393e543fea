{#- ISO year and week as a number, 202601; 29 December may belong to the next year's. -#}
{% macro iso_year_week(day) -%}
    {{ adapter.dispatch('iso_year_week', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__iso_year_week(day) -%} yearweek({{ day }}, 3) {%- endmacro %}

{% macro duckdb__iso_year_week(day) -%} (isoyear({{ day }}) * 100 + week({{ day }})) {%- endmacro %}

{% macro spark__iso_year_week(day) -%} (extract(yearofweek from {{ day }}) * 100 + extract(week from {{ day }})) {%- endmacro %}
