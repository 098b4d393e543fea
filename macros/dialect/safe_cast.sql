{#- dbt.safe_cast: NULL where text does not read as the type (one of the schema of record's). -#}
{% macro duckdb__safe_cast(field, type) -%} try_cast({{ field }} as {{ cast_type(type) }}) {%- endmacro %}

{#- MySQL has no try_cast, and a bad value stops an INSERT: look at the text first. -#}
{% macro mysql__safe_cast(field, type) -%}
    {%- set cast_as = cast_type(type) -%}
    {%- set text = 'trim(cast(' ~ field ~ ' as char))' -%}
    {%- set day = '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])' -%}
    {%- if cast_as == 'signed' -%}
        case when {{ matches(text, '^[+-]?[0-9]{1,18}([.][0-9]+)?$') }}
            then cast(cast({{ text }} as decimal(38,10)) as signed) end
    {%- elif cast_as.startswith('decimal') or cast_as == 'double' -%}
        case when {{ matches(text, '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)(e[+-]?[0-9]+)?$') }}
            then cast({{ text }} as {{ cast_as }}) end
    {%- elif cast_as in ('date', 'datetime') -%}
        case
            when
                {{ matches(text, day ~ '( ([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,6})?)?$') }}
                and substring({{ text }}, 9, 2) <= day(last_day(concat(left({{ text }}, 7), '-01')))
                then cast({{ text }} as {{ cast_as }})
        end
    {%- else -%} cast({{ field }} as {{ cast_as }})
    {%- endif -%}
{%- endmacro %}

{#- A cast to a whole number cuts, and of a text with decimals gives nothing. -#}
{% macro spark__safe_cast(field, type) -%}
    {%- set cast_as = cast_type(type) -%}
    {%- if cast_as in ('smallint', 'int', 'bigint') -%}
        try_cast(round(try_cast({{ field }} as decimal(38,10)), 0) as {{ cast_as }})
    {%- else -%} try_cast({{ field }} as {{ cast_as }})
    {%- endif -%}
{%- endmacro %}
