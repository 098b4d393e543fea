{#- Whether a dispatch ended on another platform than the one that was selected, none selected at all
    included; without a platform at its end it is none. Never NULL. -#}
{% macro is_failover(selected_platform_id='selected_platform_id', final_platform_id='final_platform_id') -%}
    (
        {{ final_platform_id }} is not null
        and not ({{ is_same(selected_platform_id, final_platform_id) }})
    )
{%- endmacro %}
