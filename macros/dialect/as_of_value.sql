{#- The pinned clock as text 'YYYY-MM-DD HH:MM:SS', or none: var as_of, else WAREHOUSE_AS_OF. A bare
    date means its last second. While dbt only parses there is no clock, for what is parsed holds for
    every day; a variable that is no time is refused all the same. -#}
{% macro as_of_value() -%}
    {%- set given = var('as_of', none) or (env_var('WAREHOUSE_AS_OF', '') if execute else '') -%}
    {%- set text = (given | string | trim).replace('T', ' ') -%}
    {%- if not text -%} {{ return(none) }} {%- endif -%}
    {%- set text = text ~ ' 23:59:59' if text | length == 10 else text -%}
    {%- set text = text[:19] if modules.re.match('^[^.]{19}[.][0-9]+$', text) else text -%}
    {%- set moment = '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3])(:[0-5][0-9]){2}$' -%}
    {%- if not modules.re.match(moment, text) -%}
        {{ exceptions.raise_compiler_error(
            "as_of '" ~ given ~ "' is not a date or a time; write it as 2026-06-30 or '2026-06-30 23:59:59'."
        ) }}
    {%- endif -%}
    {{ return(text if execute else none) }}
{%- endmacro %}
