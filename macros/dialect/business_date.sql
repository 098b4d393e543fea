{#- The business day of an instant; timestamps are Asia/Shanghai wall clock already. -#}
{% macro business_date(moment) -%} cast({{ moment }} as date) {%- endmacro %}
