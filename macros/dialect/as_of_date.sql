{#- The business day that `as_of` falls in. -#}
{% macro as_of_date() -%}
    {%- set pinned = as_of_value() -%}
    {%- if pinned -%} date '{{ pinned[:10] }}' {%- else -%} cast({{ as_of() }} as date) {%- endif -%}
{%- endmacro %}
