{#- The path of a member whose name is an SQL expression, for json_text and its kin. -#}
{% macro json_member_path(name) -%} concat('$."', {{ name }}, '"') {%- endmacro %}
