{#- The date n days later (earlier when negative). -#}
{% macro add_days(day, n) -%}
    {{ adapter.dispatch('add_days', 'saas_warehouse')(day, n) }}
{%- endmacro %}

{% macro default__add_days(day, n) -%}
    cast({{ day }} + interval ({{ n }}) day as date)
{%- endmacro %}

{% macro spark__add_days(day, n) -%} date_add(cast({{ day }} as date), cast({{ n }} as int)) {%- endmacro %}
