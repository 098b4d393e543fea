{#- A snapshot's table on MySQL has the YAML's types and the config's keys, made and filled by one
    statement; everything else is created as dbt-mysql does. -#}
{% macro mysql__create_table_as(temporary, relation, sql) -%}
    {%- set typed = mysql_typed_columns(model) if model.resource_type == 'snapshot' else none -%}
    {%- if temporary or not typed -%}
        {{ dbt.mysql__create_table_as(temporary, relation, sql) }}
    {%- else -%}
        create table {{ relation }} (
            {{ mysql_column_definitions(typed, config) }}
        ) {{ mysql_table_options() }} as
        {{ sql }}
    {%- endif -%}
{%- endmacro %}
