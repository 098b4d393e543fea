{#- dbt.hash as SHA-256 in lower-case hexadecimal: MySQL 9.7 has no md5() any more. -#}
{% macro mysql__hash(field) -%} sha2(cast({{ field }} as char), 256) {%- endmacro %}

{% macro duckdb__hash(field) -%} sha256(cast({{ field }} as varchar)) {%- endmacro %}

{% macro spark__hash(field) -%} sha2(cast({{ field }} as string), 256) {%- endmacro %}
