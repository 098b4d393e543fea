{#- Whole seconds elapsed, negative when the order is reversed; a fraction is cut towards zero. -#}
{% macro seconds_between(from_moment, to_moment) -%}
    {{ adapter.dispatch('elapsed_units', 'saas_warehouse')('second', from_moment, to_moment) }}
{%- endmacro %}
