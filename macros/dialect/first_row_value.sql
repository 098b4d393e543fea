{#- A scalar subquery: `value` of that row of `source` under `condition` which is last by `keys`, in their
    order, or first with descending=false; NULL where there is none. Keys are never NULL. -#}
{% macro first_row_value(value, source, condition, keys, descending=true) -%}
    {{ adapter.dispatch('first_row_value', 'saas_warehouse')(value, source, condition, keys, descending) }}
{%- endmacro %}

{% macro default__first_row_value(value, source, condition, keys, descending) -%}
    (
        select {{ value }}
        from {{ source }}
        where {{ condition }}
        order by
            {%- for key in keys %}
            {{ key }}{{ ' desc' if descending }}{{ ',' if not loop.last }}
            {%- endfor %}
        limit 1
    )
{%- endmacro %}

{#- A subquery with an order may not look at the row outside. -#}
{% macro spark__first_row_value(value, source, condition, keys, descending) -%}
    (
        select {{ 'max_by' if descending else 'min_by' }}({{ value }}, struct({{ keys | join(', ') }}))
        from {{ source }}
        where {{ condition }}
    )
{%- endmacro %}
