{#- All rows of a table that were ever archived or are online, each once, as a subquery: what is online is
    taken from there, as it is now, and only what is not comes from the lake. So a month that is in both
    counts once, and so do restored, held and late rows of a month that left. Named is the table's staging
    model; the columns are those of `stg_lake__<domain>_<entity>`, whose meta.row_key tells rows apart.

        from {{ full_history('stg_ai__call_logs') }}

    MySQL reads no files: there it is the online table alone, as far back as retention keeps it. -#}
{% macro full_history(staging_model) -%}
    {%- set online = ref(staging_model) -%}
    {%- set lake = ref('stg_lake__' ~ staging_model[4:].replace('__', '_')) -%}
    {%- set nodes = graph.nodes.values()
        | selectattr('name', 'equalto', lake.identifier) | list if execute else [] -%}
    {%- set columns = nodes[0].columns | list if nodes else ['*'] -%}
    {%- set row_key = nodes[0].meta.row_key if nodes else [] -%}
    {{ adapter.dispatch('full_history', 'saas_warehouse')(online, lake, columns, row_key) }}
{%- endmacro %}

{% macro default__full_history(online, lake, columns, row_key) -%}
    (
        select {{ columns | join(', ') }}
        from {{ online }}
    ) as all_rows
{%- endmacro %}

{% macro duckdb__full_history(online, lake, columns, row_key) -%}
    (
        select {{ columns | join(', ') }}
        from {{ online }}
        union all
        select {{ columns | join(', ') }}
        from {{ lake }} as lake_rows
        where not exists (
            select 1
            from {{ online }} as online_rows
            where 1 = 1
            {%- for column in row_key %}
                and online_rows.{{ column }} = lake_rows.{{ column }}
            {%- endfor %}
        )
    ) as all_rows
{%- endmacro %}
