{#- The part of a document at a path, as JSON; NULL where the path leads nowhere. -#}
{% macro json_part(document, path) -%} json_extract({{ document }}, {{ json_path(path) }}) {%- endmacro %}
