{#- The path of a member whose name is an SQL expression, for json_text and its kin. -#}
{% macro json_member_path(name) -%}
    {{ adapter.dispatch('json_member_path', 'saas_warehouse')(name) }}
{%- endmacro %}

{% macro default__json_member_path(name) -%} concat('$."', {{ name }}, '"') {%- endmacro %}

{% macro spark__json_member_path(name) -%} concat('$[\'', {{ name }}, '\']') {%- endmacro %}
