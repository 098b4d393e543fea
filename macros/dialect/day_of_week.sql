{#- 1 on Monday to 7 on Sunday. -#}
{% macro day_of_week(day) -%}
    {{ adapter.dispatch('day_of_week', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__day_of_week(day) -%} (weekday({{ day }}) + 1) {%- endmacro %}

{% macro duckdb__day_of_week(day) -%} isodow({{ day }}) {%- endmacro %}

{% macro spark__day_of_week(day) -%} (weekday({{ day }}) + 1) {%- endmacro %}
