{#- The id of a snapshot's version, the same on both engines; core's and dbt-mysql's are an md5. -#}
{% macro mysql__snapshot_hash_arguments(args) -%} {{ row_id(args) }} {%- endmacro %}

{% macro duckdb__snapshot_hash_arguments(args) -%} {{ row_id(args) }} {%- endmacro %}

{% macro spark__snapshot_hash_arguments(args) -%} {{ row_id(args) }} {%- endmacro %}
