{#- A path argument as SQL: '$.a.b' is a literal, none the whole document, anything else an expression
    that yields a path. -#}
{% macro json_path(path) -%}
    {%- if path is none -%} '$' {%- elif path.startswith('$') -%} '{{ path }}' {%- else -%} {{ path }} {%- endif -%}
{%- endmacro %}
