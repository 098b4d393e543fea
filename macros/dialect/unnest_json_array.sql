{#- A join clause, one row an element: `from t {{ unnest_json_array('t.tags', 'tag') }}` gives
    tag.item (JSON) and tag.item_number from 1; a row without an array drops out. -#}
{% macro unnest_json_array(document, alias) -%}
    {{ adapter.dispatch('unnest_json_array', 'saas_warehouse')(document, alias) }}
{%- endmacro %}

{#- '$[*]' of a scalar would yield the scalar itself. -#}
{% macro mysql__unnest_json_array(document, alias) -%}
    cross join json_table(
        case when json_type({{ document }}) = 'ARRAY' then {{ document }} else json_array() end,
        '$[*]' columns (item_number for ordinality, item json path '$')
    ) as {{ alias }}
{%- endmacro %}

{% macro duckdb__unnest_json_array(document, alias) -%}
    cross join lateral (
        select
            unnest(json_extract({{ document }}, '$[*]')) as item,
            generate_subscripts(json_extract({{ document }}, '$[*]'), 1) as item_number
    ) as {{ alias }}
{%- endmacro %}

{#- Elements come as text without quotes: what is no object and no array is made a JSON text again. -#}
{% macro spark__unnest_json_array(document, alias) -%}
    cross join lateral (
        select
            position + 1 as item_number,
            case when {{ spark_is_json_tree('text') }} then text else {{ spark_json_string('text') }} end as item
        from (select posexplode(from_json({{ document }}, 'array<string>')) as (position, text)) as elements
    ) as {{ alias }}
{%- endmacro %}
