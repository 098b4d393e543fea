{#- The whole quotient of integers, cut towards zero; NULL for a divisor of 0. -#}
{% macro integer_divide(numerator, denominator) -%}
    {{ adapter.dispatch('integer_divide', 'saas_warehouse')(numerator, denominator) }}
{%- endmacro %}

{% macro mysql__integer_divide(numerator, denominator) -%}
    (({{ numerator }}) div nullif({{ denominator }}, 0))
{%- endmacro %}

{% macro duckdb__integer_divide(numerator, denominator) -%}
    (({{ numerator }}) // nullif({{ denominator }}, 0))
{%- endmacro %}

{% macro spark__integer_divide(numerator, denominator) -%}
    (({{ numerator }}) div nullif({{ denominator }}, 0))
{%- endmacro %}
