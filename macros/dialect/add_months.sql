{#- The date n months later; 31 January plus one is the last of February. -#}
{% macro add_months(day, n) -%}
    {{ adapter.dispatch('add_months', 'saas_warehouse')(day, n) }}
{%- endmacro %}

{% macro default__add_months(day, n) -%}
    cast({{ day }} + interval ({{ n }}) month as date)
{%- endmacro %}

{% macro spark__add_months(day, n) -%} add_months(cast({{ day }} as date), cast({{ n }} as int)) {%- endmacro %}
