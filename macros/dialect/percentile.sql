{#- Nearest rank: the smallest value whose cumulative share reaches p per cent (p a whole number).
    Two steps: the first CTE adds percentile_columns, the second groups by the same columns.

        ranked as (
            select *, {{ percentile_columns('seconds', ['tenant_id', 'call_date']) }} from calls
        ),
        select tenant_id, call_date, {{ percentile('seconds', 95) }} as p95_seconds
        from ranked group by tenant_id, call_date

    NULLs are left out; over nothing it is NULL. -#}
{% macro percentile(value, p) -%}
    min(case when {{ value }}_rank * 100 >= {{ p }} * {{ value }}_count then {{ value }} end)
{%- endmacro %}

{#- The columns <value>_rank and <value>_count; engines sort NULLs to different ends. -#}
{% macro percentile_columns(value, partition_by, expression=none) -%}
    {%- set source = expression or value -%}
    row_number() over (
        partition by {{ partition_by | join(', ') }}
        order by case when {{ source }} is null then 1 else 0 end, {{ source }}
    ) as {{ value }}_rank,
    count({{ source }}) over (partition by {{ partition_by | join(', ') }}) as {{ value }}_count
{%- endmacro %}
