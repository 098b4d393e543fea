{#- The number at a path as `data_type` (int, bigint, decimal(p,s) or double), rounded half up; text
    that reads as a plain number counts, anything else is NULL. -#}
{% macro json_number(document, path=none, data_type='decimal(30,6)') -%}
    {{ adapter.dispatch('json_number', 'saas_warehouse')(document, json_path(path), data_type) }}
{%- endmacro %}

{% macro mysql__json_number(document, path, data_type) -%}
    {%- set part = 'json_extract(' ~ document ~ ', ' ~ path ~ ')' -%}
    {%- set type = cast_type(data_type) -%}
    {#- cast('2.5' as signed) cuts, DuckDB rounds: go through a decimal -#}
    {%- set via = 'decimal(38,10)' if type == 'signed' else type -%}
    cast(
        case
            when json_type({{ part }}) in ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')
                then cast({{ part }} as {{ via }})
            when
                json_type({{ part }}) = 'STRING'
                and regexp_like(json_unquote({{ part }}), '^-?[0-9]+([.][0-9]+)?$')
                then cast(json_unquote({{ part }}) as {{ via }})
        end
        as {{ type }}
    )
{%- endmacro %}

{% macro duckdb__json_number(document, path, data_type) -%}
    {%- set text = 'json_extract_string(' ~ document ~ ', ' ~ path ~ ')' -%}
    {%- set type = cast_type(data_type) -%}
    case
        when
            json_type({{ document }}, {{ path }}) in ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')
            or (
                json_type({{ document }}, {{ path }}) = 'VARCHAR'
                and regexp_matches({{ text }}, '^-?[0-9]+([.][0-9]+)?$')
            )
            then
                {%- if type in ('integer', 'bigint') %} cast(try_cast({{ text }} as decimal(38,10)) as {{ type }})
                {%- else %} try_cast({{ text }} as {{ type }})
                {%- endif %}
    end
{%- endmacro %}

{#- A cast to a whole number cuts: round first. -#}
{% macro spark__json_number(document, path, data_type) -%}
    {%- set text = 'get_json_object(' ~ document ~ ', ' ~ path ~ ')' -%}
    {%- set type = cast_type(data_type) -%}
    case
        when {{ text }} rlike '^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$'
            then
                {%- if type in ('smallint', 'int', 'bigint') %} try_cast(round(try_cast({{ text }} as decimal(38,10)), 0) as {{ type }})
                {%- else %} try_cast({{ text }} as {{ type }})
                {%- endif %}
    end
{%- endmacro %}
