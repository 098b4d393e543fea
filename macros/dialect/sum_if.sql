{#- The sum over the rows for which the condition holds; 0 over none, never NULL. -#}
{% macro sum_if(expression, condition) -%}
    coalesce(sum(case when {{ condition }} then {{ expression }} end), 0)
{%- endmacro %}
