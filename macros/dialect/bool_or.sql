{#- dbt.bool_or: whether a condition holds for any row of the group; NULLs do not count. -#}
{% macro mysql__bool_or(expression) -%} max({{ expression }}) {%- endmacro %}
