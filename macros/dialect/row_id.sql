{#- The deterministic id of a row from its grain: 32 hexadecimal digits of a SHA-256. NULL, an empty
    text and shifted separators all give different ids. A boolean's text differs between engines:
    turn it into a number first. -#}
{% macro row_id(expressions) -%}
    left({{ dbt.hash(adapter.dispatch('row_id_text', 'saas_warehouse')(expressions)) }}, 32)
{%- endmacro %}

{% macro mysql__row_id_text(expressions) -%}
    concat(
        {%- for e in expressions -%}
            coalesce(concat(char_length(cast({{ e }} as char)), ':', cast({{ e }} as char)), 'null')
            {{- ", ';', " if not loop.last -}}
        {%- endfor -%}
    )
{%- endmacro %}

{% macro duckdb__row_id_text(expressions) -%}
    concat(
        {%- for e in expressions -%}
            coalesce(length(cast({{ e }} as varchar)) || ':' || cast({{ e }} as varchar), 'null')
            {{- ", ';', " if not loop.last -}}
        {%- endfor -%}
    )
{%- endmacro %}

{% macro spark__row_id_text(expressions) -%}
    concat(
        {%- for e in expressions -%}
            coalesce(concat(length(cast({{ e }} as string)), ':', cast({{ e }} as string)), 'null')
            {{- ", ';', " if not loop.last -}}
        {%- endfor -%}
    )
{%- endmacro %}
