{#- Calendar days from one day to a later one (midnights crossed); times of day do not count. -#}
{% macro days_between(from_moment, to_moment) -%}
    {{ adapter.dispatch('days_between', 'saas_warehouse')(from_moment, to_moment) }}
{%- endmacro %}

{#- Argument order differs: MySQL takes the later one first. -#}
{% macro mysql__days_between(from_moment, to_moment) -%}
    datediff({{ to_moment }}, {{ from_moment }})
{%- endmacro %}

{% macro duckdb__days_between(from_moment, to_moment) -%}
    date_diff('day', cast({{ from_moment }} as date), cast({{ to_moment }} as date))
{%- endmacro %}

{% macro spark__days_between(from_moment, to_moment) -%}
    datediff(cast({{ to_moment }} as date), cast({{ from_moment }} as date))
{%- endmacro %}
