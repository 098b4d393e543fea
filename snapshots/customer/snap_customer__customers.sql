{% snapshot snap_customer__customers %}

-- Stage and level of a customer over time; of the person nothing but the identifier.
{{
    config(
        target_schema=generate_schema_name('warehouse'),
        unique_key='customer_id',
        indexes=[['customer_id', 'dbt_valid_from'], ['dbt_scd_id'], ['tenant_id']]
    )
}}

select
    customer_id,
    tenant_id,
    lifecycle_stage,
    customer_level
from {{ ref('stg_customer__customers') }}
where created_at <= {{ as_of() }}

{% endsnapshot %}
