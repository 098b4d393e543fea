-- Every closed day that a build touches has as many dispatches per tenant as the source: a strategy that
-- stood there twice would double them, and the statistics table with them.
with counted as (

    select
        tenant_id,
        dispatch_date,
        count(*) as dispatches
    from {{ ref('fct_dispatches') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, dispatch_date

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as dispatch_date,
        -count(*) as dispatches
    from {{ ref('stg_ai__dispatch_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, {{ business_date('created_at') }}

)

select
    tenant_id,
    dispatch_date,
    sum(dispatches) as dispatches_too_many
from counted
group by tenant_id, dispatch_date
having sum(dispatches) <> 0
