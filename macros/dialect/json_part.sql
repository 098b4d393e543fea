{#- The part of a document at a path, as JSON; NULL where the path leads nowhere. -#}
{% macro json_part(document, path) -%}
    {{ adapter.dispatch('json_part', 'saas_warehouse')(document, json_path(path)) }}
{%- endmacro %}

{% macro default__json_part(document, path) -%} json_extract({{ document }}, {{ path }}) {%- endmacro %}

{#- Objects and arrays come as they stand, anything else as a JSON text. -#}
{% macro spark__json_part(document, path) -%}
    {%- set part = 'get_json_object(' ~ document ~ ', ' ~ path ~ ')' -%}
    case when {{ spark_is_json_tree(part) }} then {{ part }} else {{ spark_json_string(part) }} end
{%- endmacro %}

{#- Whether what get_json_object gave is an object or an array, and no plain text that happens to read as one's
    beginning: Spark 3.5 says of no value what it is. -#}
{% macro spark_is_json_tree(text) -%}
    coalesce(left({{ text }}, 1) = '{' and json_object_keys({{ text }}) is not null
        or left({{ text }}, 1) = '[' and json_array_length({{ text }}) is not null, false)
{%- endmacro %}

{#- A text as a JSON string; NULL stays NULL. to_json takes no bare text. -#}
{% macro spark_json_string(text) -%}
    case when {{ text }} is not null
        then substring(to_json(array({{ text }})), 2, length(to_json(array({{ text }}))) - 2) end
{%- endmacro %}
