-- The latest day agrees with the present: segments filled by people have as many members as there are active
-- memberships, dynamic ones as many as their last successful run left. A carry that starts anew with every
-- window, or forgets those who came before it, ends elsewhere.
with latest as (

    select
        segment_id,
        members
    from {{ ref('customer_segment_daily') }}
    where stat_date = {{ as_of_date() }}

),

present as (

    select
        segment_id,
        count(*) as members
    from {{ ref('stg_customer__segment_members') }}
    where status = 'active'
        and joined_at < {{ add_days(as_of_date(), 1) }}
    group by segment_id

),

successes as (

    select
        segment_id,
        max(started_at) as started_at
    from {{ ref('stg_customer__segment_calculation_history') }}
    where calculation_status = 'success'
        and started_at < {{ add_days(as_of_date(), 1) }}
    group by segment_id

),

-- several runs of one second are no matter for this test
last_runs as (

    select
        runs.segment_id,
        min(runs.final_count) as fewest,
        max(runs.final_count) as most
    from {{ ref('stg_customer__segment_calculation_history') }} as runs
    inner join successes
        on successes.segment_id = runs.segment_id
            and successes.started_at = runs.started_at
    where runs.calculation_status = 'success'
    group by runs.segment_id

)

select
    segments.segment_id,
    latest.members
from {{ ref('stg_customer__segments') }} as segments
left join latest
    on latest.segment_id = segments.segment_id
left join present
    on present.segment_id = segments.segment_id
left join last_runs
    on last_runs.segment_id = segments.segment_id
where segments.created_at < {{ add_days(as_of_date(), 1) }}
    and (
        latest.segment_id is null
        or (segments.segment_type <> 'dynamic' and latest.members <> coalesce(present.members, 0))
        or (
            segments.segment_type = 'dynamic'
            and coalesce(latest.members, -1) not between coalesce(last_runs.fewest, -1) and coalesce(last_runs.most, -1)
        )
    )
