{% snapshot snap_core__tenants %}

-- Plan, status and agreed quotas of a tenant over time, one version after the other.
{{
    config(
        target_schema=generate_schema_name('warehouse'),
        unique_key='tenant_id',
        indexes=[['tenant_id', 'dbt_valid_from'], ['dbt_scd_id']]
    )
}}

select
    tenant_id,
    status,
    subscription_plan,
    billing_cycle,
    subscription_start_date,
    subscription_end_date,
    storage_quota_gb,
    bandwidth_quota_gb
from {{ ref('stg_core__tenants') }}
where created_at <= {{ as_of() }}

{% endsnapshot %}
