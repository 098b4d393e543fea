{#- A view on MySQL: replaced in place, so that readers never meet a missing view. It runs with the
    reader's own rights, so that a view is no way around a grant; but one that shows nobody (no column
    of it is secret, pii or phi) runs with its maker's, so that analysts need not read what it reads. -#}
{% materialization view, adapter='mysql' %}
    {{ return(create_or_replace_view()) }}
{% endmaterialization %}


{% macro mysql__create_view_as(relation, sql) -%}
    create or replace sql security {{ 'definer' if shows_nobody(model) else 'invoker' }} view {{ relation }} as
    {{ sql }}
{%- endmacro %}
