{#- Whether a device's next calibration is past, or it never had one; a year where no interval is set. -#}
{% macro is_calibration_due(calibrated_at, interval_days) -%}
    coalesce({{ dbt.dateadd('day', 'coalesce(' ~ interval_days ~ ', 365)', calibrated_at) }} < {{ as_of() }}, true)
{%- endmacro %}
