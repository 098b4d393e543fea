{#- Whether there is a value: neither SQL NULL nor JSON null. -#}
{% macro json_is_present(document, path=none) -%}
    {%- set part = document if path is none else json_part(document, path) -%}
    ({{ part }} is not null and json_type({{ part }}) <> 'NULL')
{%- endmacro %}
