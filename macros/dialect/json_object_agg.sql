{#- Aggregates rows into one object, keys sorted; a name must be unique in its group and not NULL. -#}
{% macro json_object_agg(name, value) -%}
    {{ adapter.dispatch('json_object_agg', 'saas_warehouse')(name, value) }}
{%- endmacro %}

{#- The JSON type keeps its own key order (length, then bytes) whatever the rows' order. -#}
{% macro mysql__json_object_agg(name, value) -%} json_objectagg({{ name }}, {{ value }}) {%- endmacro %}

{#- json_group_object takes no ORDER BY, and its order would change from run to run. -#}
{% macro duckdb__json_object_agg(name, value) -%}
    cast(
        '{' || string_agg(
            cast(to_json({{ name }}) as varchar) || ':' || coalesce(cast(to_json({{ value }}) as varchar), 'null'),
            ',' order by {{ name }}
        ) || '}' as json
    )
{%- endmacro %}

{% macro spark__json_object_agg(name, value) -%}
    case
        when count({{ name }}) > 0
            then to_json(
                map_from_entries(sort_array(collect_list(struct({{ name }} as name, {{ value }} as value)))),
                map('ignoreNullFields', 'false')
            )
    end
{%- endmacro %}
