{#- Whether a call to an AI platform failed: an HTTP error, or an error code whatever the status says
    (a platform may answer 200 and refuse). Never NULL. -#}
{% macro is_failed_call(status_code='status_code', error_code='error_code') -%}
    ({{ status_code }} >= 400 or {{ error_code }} is not null)
{%- endmacro %}
