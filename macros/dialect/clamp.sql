{#- The value held within [low, high]; NULL stays NULL (DuckDB's least and greatest skip NULLs). -#}
{% macro clamp(expression, low, high) -%}
    case
        when {{ expression }} < {{ low }} then {{ low }}
        when {{ expression }} > {{ high }} then {{ high }}
        else {{ expression }}
    end
{%- endmacro %}
