-- No figure of one to four people is shown, nor can one be had by subtraction: from a tenant's buyers take
-- the cohorts that are shown, and what is left is nobody or five at least (or all there are). Flags alone
-- would not tell whether the right cells were hidden.
with shown as (

    select
        tenant_id,
        cohort_start_date,
        max(cohort_customers) as cohort_customers
    from {{ ref('customer_cohort_retention') }}
    group by
        tenant_id,
        cohort_start_date

),

shown_by_tenant as (

    select
        tenant_id,
        sum(coalesce(cohort_customers, 0)) as shown_customers,
        {{ count_if('cohort_customers is null') }} as hidden_cohorts
    from shown
    group by tenant_id

),

buyers as (

    select
        tenant_id,
        count(distinct customer_id) as customers
    from {{ ref('stg_business__orders') }}
    where order_status <> 'cancelled'
        and ordered_at <= {{ as_of() }}
    group by tenant_id

)

select
    tenant_id,
    'a few people are shown' as fault
from {{ ref('customer_cohort_retention') }}
where {{ is_small_cell('cohort_customers') }}
    or {{ is_small_cell('retained_customers') }}
    or {{ is_small_cell('cohort_customers - retained_customers') }}
    or retained_customers > cohort_customers
    or (months_since_first = 0 and retention_pct <> 100)

union all

select
    buyers.tenant_id,
    'a few people can be computed' as fault
from buyers
left join shown_by_tenant
    on shown_by_tenant.tenant_id = buyers.tenant_id
where buyers.customers > 0
    and (
        shown_by_tenant.tenant_id is null
        or (shown_by_tenant.hidden_cohorts = 0 and shown_by_tenant.shown_customers <> buyers.customers)
        or (
            shown_by_tenant.shown_customers > 0
            and {{ is_small_cell('buyers.customers - shown_by_tenant.shown_customers') }}
        )
        or (shown_by_tenant.shown_customers > 0 and shown_by_tenant.hidden_cohorts = 1)
    )
