{#- A quotient as a double, NULL for a divisor of 0: for statistics. Money and shown figures take
    exact_divide. -#}
{% macro safe_divide(numerator, denominator) -%}
    (cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0))
{%- endmacro %}
