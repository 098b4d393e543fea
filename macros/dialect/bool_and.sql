{#- Whether a condition holds for every row of the group; NULLs do not count. -#}
{% macro bool_and(condition) -%} (min(case when {{ condition }} then 1 when not ({{ condition }}) then 0 end) = 1) {%- endmacro %}
