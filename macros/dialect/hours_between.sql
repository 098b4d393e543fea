{#- Whole hours elapsed, cut towards zero. -#}
{% macro hours_between(from_moment, to_moment) -%}
    {{ adapter.dispatch('elapsed_units', 'saas_warehouse')('hour', from_moment, to_moment) }}
{%- endmacro %}
