{#- Text to group, order, compare or make distinct by, code point by code point, on both engines. -#}
{% macro by_code_point(expression) -%}
    {{ adapter.dispatch('by_code_point', 'saas_warehouse')(expression) }}
{%- endmacro %}

{#- utf8mb4_bin ignores trailing spaces and unicode_ci takes any two emoji for equal; 0900_bin does
    neither. -#}
{% macro mysql__by_code_point(expression) -%} ({{ expression }} collate utf8mb4_0900_bin) {%- endmacro %}

{% macro duckdb__by_code_point(expression) -%} {{ expression }} {%- endmacro %}

{% macro spark__by_code_point(expression) -%} {{ expression }} {%- endmacro %}
