{#- cast() by a column type of the schema of record: cast_to('x', 'varchar(36)'). -#}
{% macro cast_to(expression, data_type) -%}
    cast({{ expression }} as {{ cast_type(data_type) }})
{%- endmacro %}
