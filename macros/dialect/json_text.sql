{#- The scalar at a path as text; NULL for JSON null, an object, an array or nothing there. -#}
{% macro json_text(document, path=none) -%}
    {{ adapter.dispatch('json_text', 'saas_warehouse')(document, json_path(path)) }}
{%- endmacro %}

{#- json_unquote makes the text 'null' of a JSON null. -#}
{% macro mysql__json_text(document, path) -%}
    case
        when json_type(json_extract({{ document }}, {{ path }})) not in ('NULL', 'OBJECT', 'ARRAY')
            then {{ by_code_point('json_unquote(json_extract(' ~ document ~ ', ' ~ path ~ '))') }}
    end
{%- endmacro %}

{% macro duckdb__json_text(document, path) -%}
    case
        when json_type({{ document }}, {{ path }}) not in ('NULL', 'OBJECT', 'ARRAY')
            then json_extract_string({{ document }}, {{ path }})
    end
{%- endmacro %}

{% macro spark__json_text(document, path) -%}
    {%- set part = 'get_json_object(' ~ document ~ ', ' ~ path ~ ')' -%}
    case when not {{ spark_is_json_tree(part) }} then {{ part }} end
{%- endmacro %}
