{#- dbt.concat; MySQL's || is a logical OR unless the session says otherwise. -#}
{% macro mysql__concat(fields) -%} concat({{ fields | join(', ') }}) {%- endmacro %}
