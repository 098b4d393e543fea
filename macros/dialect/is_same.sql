{#- Whether two values are equal, two NULLs included; never NULL itself. Text by the column's collation. -#}
{% macro is_same(left_value, right_value) -%}
    {{ adapter.dispatch('is_same', 'saas_warehouse')(left_value, right_value) }}
{%- endmacro %}

{% macro default__is_same(left_value, right_value) -%}
    {{ left_value }} is not distinct from {{ right_value }}
{%- endmacro %}

{% macro mysql__is_same(left_value, right_value) -%}
    {{ left_value }} <=> {{ right_value }}
{%- endmacro %}
