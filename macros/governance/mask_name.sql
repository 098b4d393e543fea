{#- A name for display: its first character and a star, whatever its length. -#}
{% macro mask_name(name) -%}
    case
        when {{ name }} = '' then ''
        when {{ name }} is not null then concat(left({{ name }}, 1), '*')
    end
{%- endmacro %}
