{#- A phone number for display: 138****1234; a short one shows two digits at each end, a very short
    one none. -#}
{% macro mask_phone(phone) -%}
    case
        when {{ phone }} = '' then ''
        when {{ dbt.length(phone) }} >= 11 then concat(left({{ phone }}, 3), '****', right({{ phone }}, 4))
        when {{ dbt.length(phone) }} >= 7 then concat(left({{ phone }}, 2), '****', right({{ phone }}, 2))
        when {{ phone }} is not null then '****'
    end
{%- endmacro %}
