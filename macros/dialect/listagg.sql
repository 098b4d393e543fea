{#- dbt.listagg; models take string_agg_ordered, whose order is the same on both engines. -#}
{% macro mysql__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- set joined -%}
        group_concat({{ measure }} {{ order_by_clause or '' }} separator {{ delimiter_text }})
    {%- endset -%}
    {%- if limit_num -%} substring_index({{ joined }}, {{ delimiter_text }}, {{ limit_num }})
    {%- else -%} {{ joined }}
    {%- endif -%}
{%- endmacro %}

{#- In the order of the texts themselves, the only one that it takes. -#}
{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- if (order_by_clause or '') not in ('', 'order by ' ~ measure) -%}
        {{ exceptions.raise_compiler_error('listagg on Spark orders by the texts themselves: take string_agg_ordered.') }}
    {%- endif -%}
    {%- set texts = 'sort_array(collect_list(' ~ measure ~ '))' -%}
    array_join({{ 'slice(' ~ texts ~ ', 1, ' ~ limit_num ~ ')' if limit_num else texts }}, {{ delimiter_text }})
{%- endmacro %}
