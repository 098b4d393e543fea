{#- Whether text contains a match of a regular expression, case counting. `pattern` is plain text
    without backslashes: write [0-9] and [.], as MySQL strings and DuckDB's differ in them. -#}
{% macro matches(expression, pattern) -%}
    {%- if '\\' in pattern -%}
        {{ exceptions.raise_compiler_error('matches: no backslashes in ' ~ pattern) }}
    {%- endif -%}
    {{ adapter.dispatch('matches', 'saas_warehouse')(expression, dbt.escape_single_quotes(pattern)) }}
{%- endmacro %}

{% macro mysql__matches(expression, pattern) -%} regexp_like({{ expression }}, '{{ pattern }}', 'c') {%- endmacro %}

{% macro duckdb__matches(expression, pattern) -%} regexp_matches({{ expression }}, '{{ pattern }}') {%- endmacro %}

{% macro spark__matches(expression, pattern) -%} ({{ expression }} rlike '{{ pattern }}') {%- endmacro %}
