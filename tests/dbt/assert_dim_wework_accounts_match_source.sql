-- Every account that existed before today is in the dimension, and nothing else: a join that loses or
-- invents accounts leaves the unique and not-null tests content.
with both_sides as (

    select
        account_id,
        tenant_id
    from {{ ref('dim_wework_accounts') }}
    where created_at < {{ as_of_date() }}

    union all

    select
        account_id,
        tenant_id
    from {{ ref('stg_wework__accounts') }}
    where created_at < {{ as_of_date() }}

)

select
    account_id,
    tenant_id,
    count(*) as sides
from both_sides
group by account_id, tenant_id
having count(*) <> 2
