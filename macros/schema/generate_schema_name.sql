{#- The database (a schema in DuckDB) that a node lives in: its configured name as it stands, behind
    the installation's prefix and, for the dev targets, the developer's own. What a domain that is
    switched off would build in its own database goes to `warehouse`, empty: there is no such
    database, and none is made. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set name = (custom_schema_name or 'warehouse') | trim -%}
    {%- set name = 'warehouse' if name in var('databases').values() and is_switched_off(node) else name -%}
    {{ env_var('WAREHOUSE_DATABASE_PREFIX', '') }}{{ developer_prefix() }}{{ name }}
{%- endmacro %}


{#- `dev_<user>_` for the dev targets, else nothing. -#}
{% macro developer_prefix() -%}
    {%- if target.name.startswith('dev') -%}
        {{ return('dev_' ~ modules.re.sub('[^a-z0-9]', '_', env_var('USER', 'me') | lower) ~ '_') }}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}
