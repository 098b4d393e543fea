{#- The number of elements of an array; NULL for anything else. -#}
{% macro json_size(document, path=none) -%}
    {%- set part = document if path is none else json_part(document, path) -%}
    case when json_type({{ part }}) = 'ARRAY' then {{ adapter.dispatch('json_size', 'saas_warehouse')(part) }} end
{%- endmacro %}

{% macro mysql__json_size(part) -%} json_length({{ part }}) {%- endmacro %}

{% macro duckdb__json_size(part) -%} json_array_length({{ part }}) {%- endmacro %}
