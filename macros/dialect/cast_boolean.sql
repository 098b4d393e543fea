{#- A condition or a 0/1 value as the engine's boolean column holds it. -#}
{% macro cast_boolean(expression) -%}
    cast({{ expression }} as {{ cast_type('tinyint(1)') }})
{%- endmacro %}
