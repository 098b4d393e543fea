{#- Whole months elapsed between two days, the first not after the second: from 31 January the first
    one is complete on 1 March. DuckDB's date_sub would call 29 February complete, MySQL would not. -#}
{% macro months_between(from_day, to_day) -%}
    (
        (extract(year from {{ to_day }}) - extract(year from {{ from_day }})) * 12
        + extract(month from {{ to_day }}) - extract(month from {{ from_day }})
        - case
            when extract(day from {{ to_day }}) < extract(day from {{ from_day }}) then 1 else 0
        end
    )
{%- endmacro %}
