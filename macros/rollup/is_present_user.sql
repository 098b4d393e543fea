{#- Whether a user was not deleted: neither by status nor by moment. Never NULL. -#}
{% macro is_present_user(status='status', deleted_at='deleted_at') -%}
    (
        coalesce({{ status }}, 'active') <> 'deleted'
        and ({{ deleted_at }} is null or {{ deleted_at }} > {{ as_of() }})
    )
{%- endmacro %}
