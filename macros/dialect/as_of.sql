{#- The instant that every "now" means: the pinned business wall clock as a literal, else the
    server's clock when the query runs. -#}
{% macro as_of() -%}
    {%- set pinned = as_of_value() -%}
    {%- if pinned -%} timestamp '{{ pinned }}'
    {%- else -%} {{ adapter.dispatch('server_clock', 'saas_warehouse')() }}
    {%- endif -%}
{%- endmacro %}

{#- The session's zone is +08:00 (dbt_warehouse_session), so this is business wall clock. -#}
{% macro mysql__server_clock() -%} current_timestamp() {%- endmacro %}

{% macro duckdb__server_clock() -%}
    date_trunc('second', timezone('Asia/Shanghai', now()))
{%- endmacro %}

{#- The session's zone is UTC, and its timestamps have none (orchestration/spark/session.py). -#}
{% macro spark__server_clock() -%}
    cast(date_trunc('second', from_utc_timestamp(current_timestamp(), 'Asia/Shanghai')) as timestamp_ntz)
{%- endmacro %}
