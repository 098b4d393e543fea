{#- Whole minutes elapsed, cut towards zero. -#}
{% macro minutes_between(from_moment, to_moment) -%}
    {{ adapter.dispatch('elapsed_units', 'saas_warehouse')('minute', from_moment, to_moment) }}
{%- endmacro %}
