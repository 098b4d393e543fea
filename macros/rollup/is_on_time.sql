{#- Whether work began within ten minutes of the agreed start, early or late, both ends included. The
    agreed start is the one in force: that of a rescheduled order is the new one. NULL where nothing
    began or no time was agreed. -#}
{% macro is_on_time(service_date, agreed_start_time, started_at) -%}
    (abs({{ seconds_between(at_time(service_date, agreed_start_time), started_at) }}) <= 600)
{%- endmacro %}
