{#- dbt.listagg; models take string_agg_ordered, whose order is the same on both engines. -#}
{% macro mysql__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- set joined -%}
        group_concat({{ measure }} {{ order_by_clause or '' }} separator {{ delimiter_text }})
    {%- endset -%}
    {%- if limit_num -%} substring_index({{ joined }}, {{ delimiter_text }}, {{ limit_num }})
    {%- else -%} {{ joined }}
    {%- endif -%}
{%- endmacro %}
