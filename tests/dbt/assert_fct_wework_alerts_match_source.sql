-- Every alert of a closed day arrives once, under its own account: uniqueness alone would accept a lost
-- one, and a count alone one that moved.
with both_sides as (

    select
        alert_id,
        tenant_id,
        account_id
    from {{ ref('fct_wework_alerts') }}
    where created_at < {{ as_of_date() }}

    union all

    select
        alert_id,
        tenant_id,
        account_id
    from {{ ref('stg_wework__account_alerts') }}
    where created_at < {{ as_of_date() }}

)

select
    alert_id,
    tenant_id,
    account_id,
    count(*) as sides
from both_sides
group by alert_id, tenant_id, account_id
having count(*) <> 2
