{#- A query with one row a day, column date_day, first and last included; none when the order is
    reversed or an end is NULL. Both ends may be scalar subqueries. At most 40,000 days. -#}
{% macro day_spine(first_day, last_day) -%}
    {{ adapter.dispatch('day_spine', 'saas_warehouse')(first_day, last_day) }}
{%- endmacro %}

{#- A recursive CTE would stop at cte_max_recursion_depth (1,000), which a view cannot raise. -#}
{% macro mysql__day_spine(first_day, last_day) -%}
    select cast({{ first_day }} + interval (hundreds.n * 100 + units.n) day as date) as date_day
    from (
        select a.n * 100 + b.n * 10 + c.n as n
        from
            ({{ number_rows(4) }}) as a
            cross join ({{ number_rows(10) }}) as b
            cross join ({{ number_rows(10) }}) as c
        where (a.n * 100 + b.n * 10 + c.n) * 100 <= datediff({{ last_day }}, {{ first_day }})
    ) as hundreds
    cross join (
        select b.n * 10 + c.n as n
        from ({{ number_rows(10) }}) as b cross join ({{ number_rows(10) }}) as c
    ) as units
    where hundreds.n * 100 + units.n <= datediff({{ last_day }}, {{ first_day }})
{%- endmacro %}

{% macro duckdb__day_spine(first_day, last_day) -%}
    select
        cast(
            unnest(
                generate_series(
                    cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp), interval 1 day
                )
            ) as date
        ) as date_day
{%- endmacro %}

{#- A sequence that would run backwards is an error. -#}
{% macro spark__day_spine(first_day, last_day) -%}
    select date_add(spine_ends.first_day, spine_days.days_later) as date_day
    from (
        select
            cast({{ first_day }} as date) as first_day,
            cast({{ last_day }} as date) as last_day
    ) as spine_ends
    lateral view explode(
        case
            when spine_ends.first_day <= spine_ends.last_day
                then sequence(0, datediff(spine_ends.last_day, spine_ends.first_day))
        end
    ) spine_days as days_later
{%- endmacro %}
