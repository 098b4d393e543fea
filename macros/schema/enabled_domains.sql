{#- The domains this company runs: var domains (a list or comma-separated text), else
    WAREHOUSE_DOMAINS, else all. -#}
{% macro enabled_domains() -%}
    {%- set known = var('databases') | list -%}
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


{#- Whether a node belongs to a domain that is switched off, by its folder (models/<layer>/<domain>,
    snapshots/<domain>). -#}
{% macro is_switched_off(node) -%}
    {%- set off = var('databases') | list | reject('in', enabled_domains()) | list -%}
    {{ return(node.fqn[1:-1] | select('in', off) | list | length > 0) }}
{%- endmacro %}
