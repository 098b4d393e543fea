{#- A quotient of integers or decimals, rounded half away from zero once, as decimal(30, scale); NULL
    for a divisor of 0. Operands carry at most 6 decimals. -#}
{% macro exact_divide(numerator, denominator, scale) -%}
    {{ adapter.dispatch('exact_divide', 'saas_warehouse')(numerator, denominator, scale) }}
{%- endmacro %}

{#- A quotient has only four decimals more than its numerator, so rounding it again would round twice:
    20 more decimals put the first rounding out of reach. -#}
{% macro mysql__exact_divide(numerator, denominator, scale) -%}
    cast(
        round(cast({{ numerator }} as decimal(60,20)) / nullif({{ denominator }}, 0), {{ scale }})
        as decimal(30,{{ scale }})
    )
{%- endmacro %}

{#- `/` on decimals is a double, and dividing by 0 an error: divide 128-bit integers instead. The
    product of a decimal(12,2) and 1000000 would be a decimal(18,2), too narrow: widen it first. -#}
{% macro duckdb__exact_divide(numerator, denominator, scale) -%}
    {%- set n = 'cast(cast(' ~ numerator ~ ' as decimal(38,6)) * 1000000 as hugeint)' -%}
    {%- set d = 'nullif(cast(cast(' ~ denominator ~ ' as decimal(38,6)) * 1000000 as hugeint), 0)' -%}
    cast(
        cast(
            (2 * abs({{ n }}) * {{ 10 ** scale }} + abs({{ d }})) // (2 * abs({{ d }}))
            * sign({{ n }}) * sign({{ d }})
            as decimal({{ 30 - scale }},0)
        ) * cast({{ '1' if scale == 0 else '0.' ~ '0' * (scale - 1) ~ '1' }} as decimal({{ scale + 1 }},{{ scale }}))
        as decimal(30,{{ scale }})
    )
{%- endmacro %}

{#- A quotient of decimals may be rounded at its sixth decimal: divide whole numbers, less what remains. -#}
{% macro spark__exact_divide(numerator, denominator, scale) -%}
    {%- set n = 'cast(cast(' ~ numerator ~ ' as decimal(38,6)) * 1000000 as decimal(38,0))' -%}
    {%- set d = 'nullif(cast(cast(' ~ denominator ~ ' as decimal(38,6)) * 1000000 as decimal(38,0)), 0)' -%}
    {%- set dividend -%}
        cast(2 * abs({{ n }}) * {{ 10 ** scale }} + abs({{ d }}) as decimal(38,0))
    {%- endset -%}
    {%- set divisor = 'cast(2 * abs(' ~ d ~ ') as decimal(38,0))' -%}
    cast(
        cast(cast({{ dividend }} - {{ dividend }} % {{ divisor }} as decimal(38,0)) / {{ divisor }} as decimal({{ 30 - scale }},0))
        * case when {{ n }} < 0 then -1 else 1 end * case when {{ d }} < 0 then -1 else 1 end
        * {{ '1' if scale == 0 else '0.' ~ '0' * (scale - 1) ~ '1' }}
        as decimal(30,{{ scale }})
    )
{%- endmacro %}
