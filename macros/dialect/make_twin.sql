{#- An empty table with the keys, indexes, partitions and foreign keys of another, to be filled and
    then swapped in by swap_twin. What a killed build left behind goes first. -#}
{% macro make_twin(relation, twin) -%}
    {% do adapter.dispatch('make_twin', 'saas_warehouse')(relation, twin) %}
{%- endmacro %}

{% macro default__make_twin(relation, twin) -%}
    {{ exceptions.raise_compiler_error('make_twin: Spark overwrites partitions, without a twin.') }}
{%- endmacro %}

{#- Within the build's transaction, and never seen by others: no keys are needed. -#}
{% macro duckdb__make_twin(relation, twin) -%}
    {% call statement('drop_twin') %}drop table if exists {{ twin }}{% endcall %}
    {% call statement('make_twin') %}{{ create_table_like(twin, relation) }}{% endcall %}
{%- endmacro %}

{#- `like` leaves foreign keys out. Their names are unique in a database, so twin and table take
    turns: fk_x, fk_x__twin, fk_x, … -#}
{% macro mysql__make_twin(relation, twin) -%}
    {% call statement('drop_twin', auto_begin=False) %}drop table if exists {{ twin }}{% endcall %}
    {% call statement('make_twin', auto_begin=False) %}{{ create_table_like(twin, relation) }}{% endcall %}
    {%- set foreign_keys = run_query(
        "select key_parts.constraint_name, key_parts.column_name, key_parts.referenced_table_schema,"
        ~ " key_parts.referenced_table_name, key_parts.referenced_column_name, rules.delete_rule"
        ~ " from information_schema.key_column_usage as key_parts"
        ~ " inner join information_schema.referential_constraints as rules"
        ~ " on rules.constraint_schema = key_parts.constraint_schema"
        ~ " and rules.constraint_name = key_parts.constraint_name"
        ~ " where key_parts.table_schema = '" ~ relation.schema ~ "'"
        ~ " and key_parts.table_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {% for name, column, schema, table, target, rule in foreign_keys.rows %}
        {%- set other_name = name[:-6] if name.endswith('__twin') else name[:58] ~ '__twin' -%}
        {% call statement('add_foreign_key', auto_begin=False) -%}
            alter table {{ twin }}
            add constraint {{ adapter.quote(other_name) }} foreign key ({{ adapter.quote(column) }})
            references {{ adapter.quote(schema) }}.{{ adapter.quote(table) }} ({{ adapter.quote(target) }})
            on delete {{ rule }}
        {%- endcall %}
    {% endfor %}
{%- endmacro %}
