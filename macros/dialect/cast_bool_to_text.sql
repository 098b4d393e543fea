{#- dbt.cast_bool_to_text: 'true' or 'false', as DuckDB writes them. -#}
{% macro mysql__cast_bool_to_text(field) -%}
    case when {{ field }} then 'true' when not ({{ field }}) then 'false' end
{%- endmacro %}
