{#- What seconds_, minutes_ and hours_between share. -#}
{% macro mysql__elapsed_units(unit, from_moment, to_moment) -%}
    timestampdiff({{ unit }}, {{ from_moment }}, {{ to_moment }})
{%- endmacro %}

{#- date_diff counts boundaries crossed; date_sub counts whole units. -#}
{% macro duckdb__elapsed_units(unit, from_moment, to_moment) -%}
    date_sub('{{ unit }}', cast({{ from_moment }} as timestamp), cast({{ to_moment }} as timestamp))
{%- endmacro %}

{% macro spark__elapsed_units(unit, from_moment, to_moment) -%}
    timestampdiff({{ unit }}, cast({{ from_moment }} as timestamp_ntz), cast({{ to_moment }} as timestamp_ntz))
{%- endmacro %}
