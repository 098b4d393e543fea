{#- Drops a session's own table if it is there. MySQL commits at a plain `drop table`. -#}
{% macro drop_temporary_table(name) -%}
    {{ adapter.dispatch('drop_temporary_table', 'saas_warehouse')(name) }}
{%- endmacro %}

{% macro default__drop_temporary_table(name) -%}
    drop table if exists {{ temporary_table(name) }}
{%- endmacro %}

{% macro mysql__drop_temporary_table(name) -%}
    drop temporary table if exists {{ temporary_table(name) }}
{%- endmacro %}
