{#- Put the rows of a filled twin in a table's place: readers see the old rows or the new ones. -#}
{% macro swap_twin(relation, twin) -%}
    {% do adapter.dispatch('swap_twin', 'saas_warehouse')(relation, twin) %}
{%- endmacro %}

{% macro default__swap_twin(relation, twin) -%}
    {{ exceptions.raise_compiler_error('swap_twin: Spark overwrites partitions, without a twin.') }}
{%- endmacro %}

{#- DuckDB takes rows out of a table's keys one by one, which is five times as slow as the keys of an empty
    table: so the table is made once more, by its own definition, in the build's transaction. Rows are
    counted, because DuckDB 2.0 can lose them there without a word (profiles.yml). -#}
{% macro duckdb__swap_twin(relation, twin) -%}
    {%- set this_table = "where database_name = '" ~ relation.database ~ "' and schema_name = '"
        ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'" -%}
    {%- set definition = run_query('select sql from duckdb_tables() ' ~ this_table).rows[0][0] -%}
    {%- set indexes = run_query('select sql from duckdb_indexes() ' ~ this_table).rows -%}
    {% call statement('empty_table') -%}
        create or replace table {{ relation }} {{ definition[definition.index('('):] }}
    {%- endcall %}
    {% call statement('move_rows') %}insert into {{ relation }} select * from {{ twin }}{% endcall %}
    {%- set counted = run_query(
        'select (select count(*) from ' ~ twin ~ ') as built, (select count(*) from ' ~ relation ~ ') as moved'
    ).rows[0] -%}
    {% if counted[0] != counted[1] %}
        {% do exceptions.raise_compiler_error(
            'DuckDB moved ' ~ counted[1] ~ ' of ' ~ counted[0] ~ ' rows into ' ~ relation ~ '. Nothing was'
            ~ ' changed. Keep preserve_insertion_order off in the profile, as this project has it.') %}
    {% endif %}
    {% for index in indexes %}
        {% call statement('make_index') %}{{ index[0] }}{% endcall %}
    {% endfor %}
    {% call statement('drop_twin') %}drop table {{ twin }}{% endcall %}
{%- endmacro %}

{#- Both names change hands in one statement. Statistics first (that commits what filled the twin):
    readers would otherwise get plans for an empty table until MySQL looks by itself. -#}
{% macro mysql__swap_twin(relation, twin) -%}
    {%- set retired = make_backup_relation(relation, 'table') -%}
    {% call statement('look_at_rows', auto_begin=False) %}analyze table {{ twin }}{% endcall %}
    {% call statement('drop_retired', auto_begin=False) %}drop table if exists {{ retired }}{% endcall %}
    {% call statement('swap', auto_begin=False) -%}
        rename table {{ relation }} to {{ retired }}, {{ twin }} to {{ relation }}
    {%- endcall %}
    {% call statement('drop_old', auto_begin=False) %}drop table {{ retired }}{% endcall %}
{%- endmacro %}
