{#- Midnight at the start of a day, as a timestamp. -#}
{% macro day_start(day) -%}
    {{ cast_to(day, 'timestamp') }}
{%- endmacro %}
