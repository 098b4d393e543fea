-- One row per tenant, month of the customers' first order and month from that one to the running one. A
-- customer is in one cohort and may be retained in many months: cohort_customers is the same in all rows of
-- a cohort, so sum neither count over months, nor the rate over anything. Figures about fewer than five
-- people, and those that would give them away, are NULL with has_small_cell.
{{ config(primary_key=['tenant_id', 'cohort_start_date', 'month_start_date']) }}

with order_months as (

    select
        tenant_id,
        customer_id,
        {{ month_start('ordered_at') }} as month_start_date
    from {{ ref('stg_business__orders') }}
    where order_status <> 'cancelled'
        and customer_id is not null
        and ordered_at <= {{ as_of() }}
    group by
        tenant_id,
        customer_id,
        {{ month_start('ordered_at') }}

),

customer_months as (

    select
        tenant_id,
        customer_id,
        month_start_date,
        min(month_start_date) over (partition by tenant_id, customer_id) as cohort_start_date
    from order_months

),

active_months as (

    select
        tenant_id,
        cohort_start_date,
        month_start_date,
        count(*) as customers
    from customer_months
    group by
        tenant_id,
        cohort_start_date,
        month_start_date

),

-- in the month of their first order all of a cohort are there
cohorts as (

    select
        tenant_id,
        cohort_start_date,
        customers,
        {{ small_cell_columns('customers', ['tenant_id'], 'cohort_start_date') }}
    from active_months
    where month_start_date = cohort_start_date

),

months as (

    select spine.date_day as month_start_date
    from (
        {{ day_spine('(select min(cohort_start_date) from cohorts)', as_of_date()) }}
    ) as spine
    where extract(day from spine.date_day) = 1

),

cohort_months as (

    select
        cohorts.tenant_id,
        cohorts.cohort_start_date,
        months.month_start_date,
        cohorts.customers,
        coalesce(active_months.customers, 0) as retained,
        cohorts.customers - coalesce(active_months.customers, 0) as lapsed,
        {{ is_hidden_cell('cohorts.customers') }} as is_hidden
    from cohorts
    inner join months
        on months.month_start_date >= cohorts.cohort_start_date
    left join active_months
        on active_months.tenant_id = cohorts.tenant_id
            and active_months.cohort_start_date = cohorts.cohort_start_date
            and active_months.month_start_date = months.month_start_date

),

flagged_months as (

    select
        cohort_months.*,
        is_hidden or {{ is_small_cell('retained') }} or {{ is_small_cell('lapsed') }} as has_small_cell
    from cohort_months

)

select
    tenant_id,
    cohort_start_date,
    month_start_date,
    {{ dbt.datediff('cohort_start_date', 'month_start_date', 'month') }} as months_since_first,
    case when not is_hidden then customers end as cohort_customers,
    case when not has_small_cell then retained end as retained_customers,
    case when not has_small_cell then {{ percentage('retained', 'customers') }} end as retention_pct,
    has_small_cell
from flagged_months
