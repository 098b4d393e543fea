{#- The database (a schema in DuckDB) that a node lives in: its configured name as it stands, behind
    the installation's prefix and, for the dev targets, the developer's own. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set name = custom_schema_name or 'warehouse' -%}
    {%- set developer = 'dev_' ~ env_var('USER', 'me') ~ '_' if target.name.startswith('dev') else '' -%}
    {{ env_var('WAREHOUSE_DATABASE_PREFIX', '') }}{{ developer }}{{ name | trim }}
{%- endmacro %}
