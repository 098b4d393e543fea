{#- Whether a view is a mart whose columns are all declared to be about nobody. -#}
{% macro shows_nobody(view) -%}
    {%- set classes = view.columns.values() | map(attribute='meta') | map(attribute='classification') | unique | list -%}
    {{ return(view.fqn[1] == 'marts' and classes | length > 0 and classes | reject('in', ['internal', 'public']) | list == []) }}
{%- endmacro %}
