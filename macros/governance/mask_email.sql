{#- An e-mail address for display: a***@example.com; what is no address shows nothing. -#}
{% macro mask_email(email) -%}
    case
        when {{ email }} = '' then ''
        when {{ matches(email, '^.+@[^@]+$') }}
            then concat(left({{ email }}, 1), '***@', {{ dbt.split_part(email, "'@'", -1) }})
        when {{ email }} is not null then '***'
    end
{%- endmacro %}
