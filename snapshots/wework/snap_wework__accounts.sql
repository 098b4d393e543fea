{% snapshot snap_wework__accounts %}

-- Status of an account as the account's own row said it. fct_account_status_intervals is finer, but
-- lives on the history that the connector writes; this one shows where the two disagree.
{{
    config(
        target_schema=generate_schema_name('warehouse'),
        unique_key='account_id',
        indexes=[['account_id', 'dbt_valid_from'], ['dbt_scd_id'], ['tenant_id']]
    )
}}

select
    account_id,
    tenant_id,
    status
from {{ ref('stg_wework__accounts') }}
where created_at <= {{ as_of() }}

{% endsnapshot %}
