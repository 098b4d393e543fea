{#- The domains this company runs: var domains (a list or comma-separated text), else
    WAREHOUSE_DOMAINS, else all six. -#}
{% macro enabled_domains() -%}
    {%- set known = ['core', 'ai', 'wework', 'health', 'business', 'customer'] -%}
    {%- set given = var('domains', none) or env_var('WAREHOUSE_DOMAINS', '') -%}
    {%- set names = given.split(',') if given is string else given -%}
    {%- set chosen = names | map('trim') | select | list -%}
    {%- for name in chosen if name not in known -%}
        {{ exceptions.raise_compiler_error(
            "Unknown domain '" ~ name ~ "'; choose from: " ~ known | join(', ') ~ "."
        ) }}
    {%- endfor -%}
    {{ return(chosen or known) }}
{%- endmacro %}
