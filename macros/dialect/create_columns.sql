{#- Adds columns that a snapshot gained; core's quotes their names in a way that MySQL takes for text. -#}
{% macro mysql__create_columns(relation, columns) -%}
    {%- for column in columns %}
        {%- set declared = model.columns.get(column.name, {}).get('data_type') -%}
        {%- call statement() -%}
            alter table {{ relation }} add column {{ adapter.quote(column.name) }} {{ declared or column.data_type }} null
        {%- endcall -%}
    {%- endfor %}
{%- endmacro %}
