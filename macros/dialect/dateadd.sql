{#- dbt.dateadd, a timestamp on both engines. -#}
{% macro mysql__dateadd(datepart, interval, from_date_or_timestamp) -%}
    date_add(cast({{ from_date_or_timestamp }} as datetime), interval ({{ interval }}) {{ datepart }})
{%- endmacro %}

{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) -%}
    (cast({{ from_date_or_timestamp }} as timestamp) + interval ({{ interval }}) {{ datepart }})
{%- endmacro %}

{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {{ shift_time(from_date_or_timestamp, interval, datepart) }}
{%- endmacro %}
