-- Customers, stage changes and tag assignments arrive once each, under their own tenant: uniqueness alone
-- would accept a lost one, and a count alone one that moved.
with both_sides as (

    select
        'customer' as kind,
        customer_id as row_key,
        tenant_id
    from {{ ref('dim_customers') }}

    union all

    select
        'customer' as kind,
        customer_id as row_key,
        tenant_id
    from {{ ref('stg_customer__customers') }}

    union all

    select
        'stage change' as kind,
        lifecycle_change_id as row_key,
        tenant_id
    from {{ ref('fct_lifecycle_changes') }}
    where changed_at < {{ as_of_date() }}

    union all

    select
        'stage change' as kind,
        lifecycle_change_id as row_key,
        tenant_id
    from {{ ref('stg_customer__lifecycle_history') }}
    where created_at < {{ as_of_date() }}

    union all

    select
        'tag' as kind,
        tag_assignment_id as row_key,
        tenant_id
    from {{ ref('fct_tag_assignments') }}

    union all

    select
        'tag' as kind,
        tag_assignment_id as row_key,
        tenant_id
    from {{ ref('stg_customer__tag_assignments') }}

)

select
    kind,
    row_key,
    tenant_id,
    count(*) as sides
from both_sides
group by
    kind,
    row_key,
    tenant_id
having count(*) <> 2
