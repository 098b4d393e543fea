{#- Versions that held for no time: two snapshots as of the same instant, with a change between them.
    Only the later state is true of that instant. -#}
{% macro forget_momentary_versions() -%}
    {{ adapter.dispatch('forget_momentary_versions', 'saas_warehouse')() }}
{%- endmacro %}

{% macro default__forget_momentary_versions() -%}
    delete from {{ this }}
    where dbt_valid_from = dbt_valid_to
{%- endmacro %}

{#- The snapshot has left them out. -#}
{% macro spark__forget_momentary_versions() -%} {%- endmacro %}
