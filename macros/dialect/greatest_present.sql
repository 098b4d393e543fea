{#- The largest of those expressions that are not NULL (MySQL's greatest would give NULL). -#}
{% macro greatest_present(expressions) -%}
    greatest(
        {%- for e in expressions -%}
            coalesce({{ e }}{% for o in expressions if o != e %}, {{ o }}{% endfor %}){{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}
