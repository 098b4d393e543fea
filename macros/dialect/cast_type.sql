{#- The type to write inside cast() for a column type as the schema of record names it (MySQL's). -#}
{% macro cast_type(data_type) -%}
    {{ return(adapter.dispatch('cast_type', 'saas_warehouse')(data_type | trim | lower)) }}
{%- endmacro %}

{#- MySQL casts to few types: no int, no varchar, no timestamp; an enum becomes text. -#}
{% macro mysql__cast_type(data_type) -%}
    {%- set base = data_type.split('(')[0].split(' ')[0] -%}
    {%- if base in ('tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint', 'boolean') -%}
        {{ return('signed') }}
    {%- elif base in ('varchar', 'char') -%} {{ return('char' ~ data_type[base | length:]) }}
    {%- elif base == 'enum' -%} {{ return('char(50)') }}
    {#- a bare char would be varchar(0) in a table made from NULLs -#}
    {%- elif base in ('text', 'mediumtext', 'longtext', 'string') -%} {{ return('char(65535)') }}
    {%- elif base in ('timestamp', 'datetime') -%} {{ return('datetime' ~ data_type[base | length:]) }}
    {%- else -%} {{ return(data_type) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__cast_type(data_type) -%}
    {%- set base = data_type.split('(')[0].split(' ')[0] -%}
    {%- if data_type == 'tinyint(1)' -%} {{ return('boolean') }}
    {%- elif base in ('tinyint', 'smallint') -%} {{ return('smallint') }}
    {%- elif base in ('mediumint', 'int') -%} {{ return('integer') }}
    {%- elif base in ('varchar', 'char', 'enum', 'text', 'mediumtext', 'longtext', 'string') -%}
        {{ return('varchar') }}
    {%- elif base in ('timestamp', 'datetime') -%} {{ return('timestamp') }}
    {%- else -%} {{ return(data_type) }}
    {%- endif -%}
{%- endmacro %}

{#- Timestamps are wall clock, without a zone; times of day are text, as in the lake. -#}
{% macro spark__cast_type(data_type) -%}
    {%- set base = data_type.split('(')[0].split(' ')[0] -%}
    {%- if data_type == 'tinyint(1)' -%} {{ return('boolean') }}
    {%- elif base in ('tinyint', 'smallint') -%} {{ return('smallint') }}
    {%- elif base in ('mediumint', 'int', 'integer') -%} {{ return('int') }}
    {%- elif base in ('varchar', 'char', 'enum', 'text', 'mediumtext', 'longtext', 'string', 'json', 'time') -%}
        {{ return('string') }}
    {%- elif base in ('timestamp', 'datetime') -%} {{ return('timestamp_ntz') }}
    {%- else -%} {{ return(data_type) }}
    {%- endif -%}
{%- endmacro %}
