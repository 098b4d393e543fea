{#- The mean of integers or decimals over non-null values, rounded half up once; NULL over none. -#}
{% macro exact_avg(expression, scale) -%}
    {{ exact_divide('sum(' ~ expression ~ ')', 'count(' ~ expression ~ ')', scale) }}
{%- endmacro %}
