{#- dbt.length counts characters; MySQL's length() counts bytes. -#}
{% macro mysql__length(expression) -%} char_length({{ expression }}) {%- endmacro %}
