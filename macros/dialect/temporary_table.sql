{#- The name of a session's own table: MySQL's temporary tables live in a database, DuckDB's in a
    schema of their own. -#}
{% macro temporary_table(name) -%}
    {{ adapter.dispatch('temporary_table', 'saas_warehouse')(name) }}
{%- endmacro %}

{% macro default__temporary_table(name) -%}
    temp.main.{{ adapter.quote(name) }}
{%- endmacro %}

{% macro mysql__temporary_table(name) -%}
    {{ adapter.quote(this.schema) }}.{{ adapter.quote(name) }}
{%- endmacro %}

{#- No session of Spark has tables of its own. -#}
{% macro spark__temporary_table(name) -%}
    {{ this.schema }}.{{ adapter.quote(name) }}
{%- endmacro %}
