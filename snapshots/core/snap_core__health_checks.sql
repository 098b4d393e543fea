{% snapshot snap_core__health_checks %}

-- Verdict of a probe over time, for platform_health_daily: the source holds the latest one only. Counters
-- and response times move with every check and stay out.
{{
    config(
        target_schema=generate_schema_name('warehouse'),
        unique_key='health_check_id',
        indexes=[['health_check_id', 'dbt_valid_from'], ['dbt_scd_id']]
    )
}}

select
    health_check_id,
    tenant_id,
    check_type,
    status
from {{ ref('stg_core__health_checks') }}

{% endsnapshot %}
