{#- The smallest of a list of expressions; NULL as soon as one is NULL (DuckDB would skip it). -#}
{% macro least_of(expressions) -%}
    case
        when {% for e in expressions %}{{ e }} is not null{{ ' and ' if not loop.last }}{% endfor %}
            then least({{ expressions | join(', ') }})
    end
{%- endmacro %}
