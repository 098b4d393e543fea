{#- The date n months later; 31 January plus one is the last of February. -#}
{% macro add_months(day, n) -%}
    cast({{ day }} + interval ({{ n }}) month as date)
{%- endmacro %}
