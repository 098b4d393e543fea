{#- `indexes` in our configs are lists of columns, made with MySQL's tables; DuckDB scans without
    any. Newer dbt-duckdb would read them as its own and fail. -#}
{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
{{ return(none) }}
{%- endmacro %}
