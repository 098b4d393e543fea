{#- An identity card number for display: 110***********1234 (the first three digits name the province
    and city); anything shorter than 15 characters shows nothing. -#}
{% macro mask_id_card(id_card) -%}
    case
        when {{ id_card }} = '' then ''
        when {{ dbt.length(id_card) }} >= 15
            then concat(left({{ id_card }}, 3), '***********', right({{ id_card }}, 4))
        when {{ id_card }} is not null then '****'
    end
{%- endmacro %}
