{#- A query of the constants 0 to count - 1, column n; `count` is a small number known when compiling. -#}
{% macro number_rows(count) -%}
    {%- for n in range(count) -%}
        select {{ n }}{{ ' as n' if loop.first }}{{ ' union all ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
