-- Every closed day that a build touches has as many entries per tenant as the log, and they moved as many
-- places: a variant or slot found twice would double them.
with counted as (

    select
        tenant_id,
        change_date,
        count(*) as changes,
        sum(free_places_change) as places
    from {{ ref('fct_capacity_changes') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, change_date

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as change_date,
        -count(*) as changes,
        -sum(after_capacity - before_capacity) as places
    from {{ ref('stg_business__capacity_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, {{ business_date('created_at') }}

)

select
    tenant_id,
    change_date,
    sum(changes) as changes_too_many
from counted
group by tenant_id, change_date
having sum(changes) <> 0
    or sum(places) <> 0
