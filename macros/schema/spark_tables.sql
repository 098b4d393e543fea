{#- Tables on Spark: Parquet, made anew by each build. -#}
{% materialization table, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks) }}
    {% do spark_make_anew(target_relation, sql) %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Build the table aside and rename it into place, so that a build that fails leaves the old one. Between drop
    and rename there is a moment without one; Parquet tables cannot be swapped. -#}
{% macro spark_make_anew(relation, rows, condition='1 = 1') %}
    {%- set next_relation = spark_beside(relation, '__next') -%}
    {%- set existing = load_cached_relation(relation) -%}
    {%- set kind = existing.type if existing is not none else 'table' -%}
    {% call statement('forget_next') %}drop table if exists {{ next_relation }}{% endcall %}
    {% call statement('main') -%}
        create table {{ next_relation }} using parquet as
        select {{ spark_typed_columns(model) }}
        from (
            {{ rows }}
        ) as next_rows
        where {{ condition }}
    {%- endcall %}
    {% call statement('drop_old') %}drop {{ kind }} if exists {{ relation }}{% endcall %}
    {% call statement('put_in_place') %}alter table {{ next_relation }} rename to {{ relation }}{% endcall %}
{% endmacro %}


{#- A name beside a relation, for what is on its way. -#}
{% macro spark_beside(relation, suffix) -%}
    {{ return(api.Relation.create(schema=relation.schema, identifier=relation.identifier ~ suffix, type='table')) }}
{%- endmacro %}


{#- dbt's own, but for queries that call themselves. -#}
{% macro spark__create_view_as(relation, sql) -%}
    create or replace view {{ relation }} as
    {{ unrolled(sql) }}
{%- endmacro %}


{#- The YAML's columns in its types; a column of NULLs alone would have none. Without types, as they come. -#}
{% macro spark_typed_columns(node, only=none) -%}
    {%- set columns = node.columns.values() | selectattr('data_type') | list -%}
    {%- for column in columns if only is none or column.name in only -%}
        {{ cast_to(adapter.quote(column.name), column.data_type) }} as {{ adapter.quote(column.name) }}{{ ', ' if not loop.last }}
    {%- else -%} *
    {%- endfor -%}
{%- endmacro %}


{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = model.config.get('column_types', {}) -%}
    {%- set rows -%}
        insert into {{ this }} values
        {%- for row in agate_table.rows %}
        (
            {%- for name in agate_table.column_names -%}
                {%- set value = row[name] -%}
                {%- if value is none -%} null
                {%- else -%} cast('{{ (value | string).replace('\\', '\\\\').replace("'", "\\'") }}' as {{ cast_type(types[name]) }})
                {%- endif -%}
                {{ ', ' if not loop.last }}
            {%- endfor -%}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {% do adapter.add_query(rows, abridge_sql_log=True) %}
    {{ return(rows) }}
{% endmacro %}


{% macro spark__create_csv_table(model, agate_table) %}
    {%- set types = model.config.get('column_types', {}) -%}
    {%- set definition -%}
        create table {{ this }} (
            {%- for name in agate_table.column_names %}
            {{ adapter.quote(name) }} {{ cast_type(types[name]) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) using parquet
    {%- endset -%}
    {% call statement('_') %}{{ definition }}{% endcall %}
    {{ return(definition) }}
{% endmacro %}
