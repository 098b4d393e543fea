{#- A view on MySQL: replaced in place, so that readers never meet a missing view. It runs with the
    reader's own rights: a view is no way around a grant. -#}
{% materialization view, adapter='mysql' %}
    {{ return(create_or_replace_view()) }}
{% endmaterialization %}


{% macro mysql__create_view_as(relation, sql) -%}
    create or replace sql security invoker view {{ relation }} as
    {{ sql }}
{%- endmacro %}
