{#- Put the rows of a filled twin in a table's place: readers see the old rows or the new ones. -#}
{% macro swap_twin(relation, twin) -%}
    {% do adapter.dispatch('swap_twin', 'saas_warehouse')(relation, twin) %}
{%- endmacro %}

{% macro default__swap_twin(relation, twin) -%}
    {{ exceptions.raise_compiler_error('swap_twin: Spark overwrites partitions, without a twin.') }}
{%- endmacro %}

{#- DuckDB cannot rename a table that has indexes: the rows move, in the build's transaction. -#}
{% macro duckdb__swap_twin(relation, twin) -%}
    {% call statement('empty_table') %}delete from {{ relation }}{% endcall %}
    {% call statement('move_rows') %}insert into {{ relation }} select * from {{ twin }}{% endcall %}
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
