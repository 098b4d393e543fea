{#- What a staging view reads: the source without its secret columns, or, when its domain is switched
    off, typed columns without rows, so that the missing database is never touched. Bare only, it may
    bring its own alias: `select * from {{ rows_of(source('wework', 'wework_accounts')) }}`. -#}
{% macro rows_of(relation) -%}
    {%- set enabled = enabled_domains() -%}
    {#- the graph is there from the second pass on -#}
    {%- set tables = graph.sources.values()
        | selectattr('schema', 'equalto', relation.schema)
        | selectattr('identifier', 'equalto', relation.identifier) | list if execute else [] -%}
    {%- set shown, secret = [], [] -%}
    {%- set columns = tables[0].columns.values() if tables else [] -%}
    {%- for column in columns if not column.meta.get('derived') -%}
        {%- do (secret if column.meta.get('classification') == 'secret' else shown).append(column.name) -%}
    {%- endfor -%}
    {%- if not tables or tables[0].source_name in enabled -%}
        {#- `*` would ask for the right to read secrets, which whoever builds staging has not -#}
        {%- if secret -%}
            ( select {% for name in shown %}{{ adapter.quote(name) }}{{ ', ' if not loop.last }}{% endfor %} from {{ relation }} ) as {{ relation.identifier }}
        {%- else -%} {{ relation }}
        {%- endif -%}
    {%- else -%} {{ no_rows(tables[0].columns.values()) }} as {{ relation.identifier }}
    {%- endif -%}
{%- endmacro %}

{#- A subquery of typed columns without rows; columns that no database holds (meta.derived) are out. -#}
{% macro no_rows(columns) -%}
    (
        select
            {%- for column in columns if not column.meta.get('derived') %}
            {{ typed_null(column.data_type) }} as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
            {%- endfor %}
        where 1 = 0
    )
{%- endmacro %}

{% macro typed_null(data_type) -%}
    {{ adapter.dispatch('typed_null', 'saas_warehouse')(data_type) }}
{%- endmacro %}

{% macro default__typed_null(data_type) -%} {{ cast_to('null', data_type) }} {%- endmacro %}

{#- MySQL stores a view's cast with the character set alone, which means that set's default collation,
    not the project's: joins with real columns would stop with error 1267. -#}
{% macro mysql__typed_null(data_type) -%}
    {{ cast_to('null', data_type) }}
    {%- if cast_type(data_type).startswith('char') %} collate utf8mb4_unicode_ci{% endif -%}
{%- endmacro %}
