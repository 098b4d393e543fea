{#- An empty table with another one's columns; on MySQL its keys and partitions too. -#}
{% macro create_table_like(relation, model_relation) -%}
    {{ adapter.dispatch('create_table_like', 'saas_warehouse')(relation, model_relation) }}
{%- endmacro %}

{% macro mysql__create_table_like(relation, model_relation) -%}
    create table {{ relation }} like {{ model_relation }}
{%- endmacro %}

{% macro duckdb__create_table_like(relation, model_relation) -%}
    create table {{ relation }} as
    select * from {{ model_relation }}
    limit 0
{%- endmacro %}

{% macro spark__create_table_like(relation, model_relation) -%}
    create table {{ relation }} like {{ model_relation }}
{%- endmacro %}
