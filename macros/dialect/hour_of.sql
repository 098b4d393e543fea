{#- The hour of an instant, 0 to 23. -#}
{% macro hour_of(moment) -%} extract(hour from {{ moment }}) {%- endmacro %}
