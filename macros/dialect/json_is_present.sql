{#- Whether there is a value: neither SQL NULL nor JSON null. -#}
{% macro json_is_present(document, path=none) -%}
    {%- set part = document if path is none else json_part(document, path) -%}
    {{ adapter.dispatch('json_is_present', 'saas_warehouse')(part) }}
{%- endmacro %}

{% macro default__json_is_present(part) -%}
    ({{ part }} is not null and json_type({{ part }}) <> 'NULL')
{%- endmacro %}

{% macro spark__json_is_present(part) -%} (coalesce(trim({{ part }}), 'null') <> 'null') {%- endmacro %}
