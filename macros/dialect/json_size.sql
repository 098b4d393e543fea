{#- The number of elements of an array; NULL for anything else. -#}
{% macro json_size(document, path=none) -%}
    {%- set part = document if path is none else json_part(document, path) -%}
    {{ adapter.dispatch('json_size', 'saas_warehouse')(part) }}
{%- endmacro %}

{% macro mysql__json_size(part) -%}
    case when json_type({{ part }}) = 'ARRAY' then json_length({{ part }}) end
{%- endmacro %}

{% macro duckdb__json_size(part) -%}
    case when json_type({{ part }}) = 'ARRAY' then json_array_length({{ part }}) end
{%- endmacro %}

{% macro spark__json_size(part) -%} json_array_length({{ part }}) {%- endmacro %}
