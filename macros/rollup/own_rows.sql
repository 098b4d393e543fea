{#- The table that a keyed_window model writes, for the model to read what it built before; nothing on a
    full refresh, which starts anew. It wants an alias: `from {{ own_rows() }} as rows_before`. -#}
{% macro own_rows() -%}
    {%- if is_refresh() -%}
        (select * from {{ this }} where 1 = 0)
    {%- else -%}
        {{ this }}
    {%- endif -%}
{%- endmacro %}
