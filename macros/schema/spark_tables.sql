{#- Tables on Spark: Parquet, built aside and then renamed into place, so that a build that fails leaves the
    old table. Between drop and rename there is a moment without one; Parquet tables cannot be swapped. -#}
{% materialization table, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set next_relation = spark_beside(this, '__next') -%}

    {{ run_hooks(pre_hooks) }}
    {% call statement('forget_next') %}drop table if exists {{ next_relation }}{% endcall %}
    {% call statement('main') -%}
        create table {{ next_relation }} using parquet as
        select {{ spark_typed_columns(model) }}
        from (
            {{ sql }}
        ) as model_rows
    {%- endcall %}
    {% do spark_put_in_place(target_relation, next_relation) %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- A name beside a relation, for what is on its way. -#}
{% macro spark_beside(relation, suffix) -%}
    {{ return(api.Relation.create(schema=relation.schema, identifier=relation.identifier ~ suffix, type='table')) }}
{%- endmacro %}


{% macro spark_put_in_place(relation, next_relation) %}
    {%- set existing = load_cached_relation(relation) -%}
    {%- set kind = existing.type if existing is not none else 'table' -%}
    {% call statement('drop_old') %}drop {{ kind }} if exists {{ relation }}{% endcall %}
    {% call statement('put_in_place') %}alter table {{ next_relation }} rename to {{ relation }}{% endcall %}
{% endmacro %}


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
