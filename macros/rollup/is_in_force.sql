{#- Whether a window of effect holds as_of: open where an end is NULL, its last instant outside. -#}
{% macro is_in_force(start_at, end_at) -%}
    (
        ({{ start_at }} is null or {{ start_at }} <= {{ as_of() }})
        and ({{ end_at }} is null or {{ end_at }} > {{ as_of() }})
    )
{%- endmacro %}


{#- Whether an assignment of a role (the alias of stg_core__user_roles) holds now: active, within its
    window and not expired. Nothing sets the status of one that runs out. -#}
{% macro is_assignment_in_force(assignment) -%}
    (
        {{ assignment }}.status = 'active'
        and {{ is_in_force(assignment ~ '.effective_start_at', assignment ~ '.effective_end_at') }}
        and ({{ assignment }}.expires_at is null or {{ assignment }}.expires_at > {{ as_of() }})
    )
{%- endmacro %}
