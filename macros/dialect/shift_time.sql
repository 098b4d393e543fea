{#- The timestamp n units later; unit: second, minute, hour, day, week, month or year. -#}
{% macro shift_time(moment, n, unit) -%}
    ({{ cast_to(moment, 'timestamp') }} + interval ({{ n }}) {{ unit }})
{%- endmacro %}
