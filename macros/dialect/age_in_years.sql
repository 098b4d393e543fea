{#- Completed years on a day; born on 29 February, one is a year older on 1 March. NULL before birth. -#}
{% macro age_in_years(birth_date, on_day) -%}
    case
        when {{ birth_date }} <= {{ on_day }} then
            extract(year from {{ on_day }}) - extract(year from {{ birth_date }})
            - case
                when
                    extract(month from {{ on_day }}) * 100 + extract(day from {{ on_day }})
                    < extract(month from {{ birth_date }}) * 100 + extract(day from {{ birth_date }})
                    then 1
                else 0
            end
    end
{%- endmacro %}
