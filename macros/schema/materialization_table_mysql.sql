{#- A table on MySQL: built beside the old one with its keys, then swapped in by one RENAME, so that
    readers never meet a missing table (dbt-mysql renames twice, with a gap between).

    config: primary_key, indexes (lists of column lists); the columns' data_type come from the YAML.
    Without a data_type on every column the types are inferred from the query. -#}
{% materialization table, adapter='mysql' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set twin = make_intermediate_relation(target_relation) -%}
    {%- set retired = make_backup_relation(target_relation, 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement('drop_twin', auto_begin=False) %}drop table if exists {{ twin }}{% endcall %}
    {% call statement('drop_retired', auto_begin=False) %}drop table if exists {{ retired }}{% endcall %}

    {%- set typed = mysql_typed_columns(model) -%}
    {% if typed %}
        {% call statement('create_twin') -%}
            create table {{ twin }} (
                {{ mysql_column_definitions(typed, config) }}
            ) {{ mysql_table_options() }}
        {%- endcall %}
        {% call statement('main') -%}
            insert into {{ twin }} ({{ mysql_column_list(typed) }})
            select {{ mysql_column_list(typed) }}
            from (
                {{ sql }}
            ) as model_rows
        {%- endcall %}
    {% else %}
        {% call statement('main') -%}
            create table {{ twin }}
            {% if mysql_keys(config) %}({{ mysql_keys(config) }}){% endif %} {{ mysql_table_options() }} as
            {{ sql }}
        {%- endcall %}
    {% endif %}

    {%- if existing is not none and existing.type == 'view' -%}
        {% call statement('drop_view') %}drop view {{ existing }}{% endcall %}
        {%- set existing = none -%}
    {%- endif %}
    {% call statement('swap') -%}
        rename table
        {% if existing is not none %}{{ target_relation }} to {{ retired }},{% endif %}
        {{ twin }} to {{ target_relation }}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {% call statement('drop_old', auto_begin=False) %}drop table if exists {{ retired }}{% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The YAML's columns when every one of them has a data_type, else none. -#}
{% macro mysql_typed_columns(model) %}
    {%- set columns = model.columns.values() | list -%}
    {%- if columns and columns | selectattr('data_type') | list | length == columns | length -%}
        {{ return(columns) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{#- Columns and keys, as they stand inside the brackets of CREATE TABLE. -#}
{% macro mysql_column_definitions(columns, config) -%}
    {%- for column in columns %}
    {{ adapter.quote(column.name) }} {{ column.data_type }}
    {%- if not column.get('meta', {}).get('nullable', true) %} not null
    {%- elif column.data_type == 'timestamp' %} null{% endif -%}
    {{ ',' if not loop.last or mysql_keys(config) }}
    {%- endfor %}
    {{ mysql_keys(config) }}
{%- endmacro %}


{% macro mysql_column_list(columns) -%}
    {%- for column in columns %}{{ adapter.quote(column.name) }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}


{#- Key clauses from the model's config: the primary key first, then secondary indexes. -#}
{% macro mysql_keys(config) -%}
    {%- set clauses = [] -%}
    {%- if config.get('primary_key') -%}
        {%- do clauses.append('primary key (' ~ config.get('primary_key') | join(', ') ~ ')') -%}
    {%- endif -%}
    {%- for columns in config.get('indexes') or [] -%}
        {%- do clauses.append('key (' ~ columns | join(', ') ~ ')') -%}
    {%- endfor -%}
    {{- clauses | join(', ') -}}
{%- endmacro %}


{% macro mysql_table_options() -%}
    engine = InnoDB default charset = utf8mb4 collate = utf8mb4_unicode_ci
{%- endmacro %}
