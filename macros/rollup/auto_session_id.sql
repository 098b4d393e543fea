{#- The session that the warehouse gives to events without the tracker's: named after its first event. -#}
{% macro auto_session_id(customer_id, first_event_id) -%}
    concat('auto-', {{ row_id([customer_id, first_event_id]) }})
{%- endmacro %}
