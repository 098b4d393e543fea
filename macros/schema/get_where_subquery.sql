{#- A data test's `where` may say __window_start__: tests of tables that only grow look at the days
    that a build touches, not at history that was tested when it was new. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where') -%}
    {%- if where -%}
        {%- set where = where | replace('__window_start__', add_days(as_of_date(), -1 * var('lookback_days') | int)) -%}
        {%- do return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as tested_rows') -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro %}
