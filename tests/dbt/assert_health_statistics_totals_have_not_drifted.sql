-- A running total misses what is written with a date before the window, an import of old records for
-- one, and no row shows it: only a count of everything does. A warning: a backfill from the first such
-- day mends it.
{{ config(severity='warn', store_failures=true) }}

with totals as (

    select
        tenant_id,
        total_records
    from {{ ref('health_statistics') }}
    where stat_type = 'daily'
        and stat_date = {{ add_days(as_of_date(), -1) }}

),

counted as (

    select
        tenant_id,
        count(*) as total_records
    from {{ ref('stg_health__records') }}
    where created_at < {{ as_of_date() }}
    group by tenant_id

)

select
    totals.tenant_id,
    totals.total_records,
    coalesce(counted.total_records, 0) as counted_records
from totals
left join counted
    on counted.tenant_id = totals.tenant_id
where totals.total_records <> coalesce(counted.total_records, 0)
