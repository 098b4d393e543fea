{#- The Monday of the week that a day or an instant falls in, as a date. -#}
{% macro week_start(day) -%}
    {{ adapter.dispatch('week_start', 'saas_warehouse')(day) }}
{%- endmacro %}

{% macro mysql__week_start(day) -%} (cast({{ day }} as date) - interval (weekday({{ day }})) day) {%- endmacro %}

{% macro duckdb__week_start(day) -%} cast(date_trunc('week', {{ day }}) as date) {%- endmacro %}

{% macro spark__week_start(day) -%} cast(trunc(cast({{ day }} as date), 'WEEK') as date) {%- endmacro %}
