{#- A decimal (not a double) rounded half away from zero, as decimal(30, scale). -#}
{% macro round_half_up(expression, scale=0) -%}
    cast(round({{ expression }}, {{ scale }}) as decimal(30,{{ scale }}))
{%- endmacro %}
