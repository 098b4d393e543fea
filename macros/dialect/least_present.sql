{#- The smallest of those expressions that are not NULL (MySQL's least would give NULL). -#}
{% macro least_present(expressions) -%}
    least(
        {%- for e in expressions -%}
            coalesce({{ e }}{% for o in expressions if o != e %}, {{ o }}{% endfor %}){{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}
