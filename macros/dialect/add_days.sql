{#- The date n days later (earlier when negative). -#}
{% macro add_days(day, n) -%}
    cast({{ day }} + interval ({{ n }}) day as date)
{%- endmacro %}
