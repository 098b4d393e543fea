{#- The age on a day, in bands, instead of the birth date; NULL before birth. -#}
{% macro age_band(birth_date, on_day) -%}
    {%- set age = age_in_years(birth_date, on_day) -%}
    case
        {%- for upper, band in [
            (18, '0-17'), (25, '18-24'), (35, '25-34'), (45, '35-44'), (55, '45-54'), (65, '55-64'), (75, '65-74')
        ] %}
        when {{ age }} < {{ upper }} then '{{ band }}'
        {%- endfor %}
        when {{ age }} is not null then '75+'
    end
{%- endmacro %}
