{#- A snapshot's strategy `state`: a row has a new version when any of its declared columns differs, text
    by code point and NULL equal to NULL, so that both engines see the same changes. (Core's `check`
    compares by MySQL's collation, for which `Basic` and `basic` are one plan.) Time is as_of's. -#}
{% macro snapshot_state_strategy(node, snapshotted_rel, current_rel, config, target_exists) %}
    {%- set key = config['unique_key'] -%}
    {%- set columns = node['columns'].values() | rejectattr('name', 'equalto', key) | list -%}
    {% if columns | selectattr('data_type') | list | length < 1 %}
        {% do exceptions.raise_compiler_error(
            node['name'] ~ ": declare the columns and their data_type in the YAML beside the snapshot."
        ) %}
    {% endif %}
    {%- set stored = [] -%}
    {% if target_exists %}
        {%- set target = adapter.get_relation(node['database'], node['schema'], node['alias']) -%}
        {% for column in adapter.get_columns_in_relation(target) %}
            {%- do stored.append(column.name) -%}
        {% endfor %}
    {% endif %}
    {%- set row_changed -%}
        (
            {%- for column in columns if not column.name.startswith('dbt_') %}
            {{ 'or ' if not loop.first }}
            {%- if column.name in stored -%}
                not (
                    {{- is_same(
                        snapshot_value(snapshotted_rel, column), snapshot_value(current_rel, column)
                    ) -}}
                )
            {#- a column that joined later -#}
            {%- else -%} {{ current_rel }}.{{ adapter.quote(column.name) }} is not null
            {%- endif -%}
            {% endfor %}
        )
    {%- endset -%}
    {% do return({
        'unique_key': key,
        'updated_at': snapshot_get_time(),
        'row_changed': row_changed,
        'scd_id': snapshot_hash_arguments([key, snapshot_get_time()]),
        'invalidate_hard_deletes': config.get('invalidate_hard_deletes', false)
    }) %}
{% endmacro %}


{#- A column as it is compared. -#}
{% macro snapshot_value(relation, column) -%}
    {%- set value = relation ~ '.' ~ adapter.quote(column.name) -%}
    {%- if column.data_type.split('(')[0] in ('varchar', 'char', 'text', 'enum') -%}
        {{ return(by_code_point(value)) }}
    {%- endif -%}
    {{ return(value) }}
{%- endmacro %}
