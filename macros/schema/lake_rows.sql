{#- What a staging view over the lake reads: the table's Parquet files, or typed columns without rows
    where there are none, where the table's domain is switched off, and on MySQL, which reads no files.
    The view keeps to what it found; the next build looks again. -#}
{% macro lake_rows(relation) -%}
    {{ return(adapter.dispatch('lake_rows', 'saas_warehouse')(relation)) }}
{%- endmacro %}

{% macro default__lake_rows(relation) -%}
    {%- set table = lake_table(relation) -%}
    {%- if table -%} {{ no_rows(table.columns.values()) }} as {{ relation.identifier }}
    {%- else -%} {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__lake_rows(relation) -%}
    {%- set table = lake_table(relation) -%}
    {#- what is asked while parsing would have the project parsed again wherever it differs -#}
    {%- set url = env_var('WAREHOUSE_ARCHIVE_URL', '')
        or env_var('WAREHOUSE_LOCAL_DIR', '.local') ~ '/archive/embedded' if execute -%}
    {%- set files = "'" ~ (url ~ '/' ~ relation.identifier ~ '/*/*.parquet').replace("'", "''") ~ "'" -%}
    {%- if table and not is_switched_off(table) and flags.INTROSPECT is not false
        and run_query('select count(*) from glob(' ~ files ~ ')').rows[0][0] -%}
        {#- by name: a file from before a column came lacks it -#}
        read_parquet({{ files }}, hive_partitioning = false, union_by_name = true) as {{ relation.identifier }}
    {%- else -%} {{ saas_warehouse.default__lake_rows(relation) }}
    {%- endif -%}
{%- endmacro %}

{#- The source's entry; none while the project is parsed. -#}
{% macro lake_table(relation) -%}
    {{ return(
        graph.sources.values()
        | selectattr('schema', 'equalto', relation.schema)
        | selectattr('identifier', 'equalto', relation.identifier) | first if execute else none
    ) }}
{%- endmacro %}
