-- What joined and left on each closed day that a build touches is what the runs and memberships say, and
-- every segment has a row for the day: a lost day or a run counted twice passes every test of one row.
with counted as (

    select
        segment_id,
        stat_date,
        1 as row_count,
        joined_members as joined,
        coalesce(left_members, 0) as gone
    from {{ ref('customer_segment_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        segments.segment_id,
        days.date_day as stat_date,
        -1 as row_count,
        0 as joined,
        0 as gone
    from {{ ref('stg_customer__segments') }} as segments
    inner join (
        {{ day_spine(add_days(as_of_date(), -1 * var('lookback_days')), add_days(as_of_date(), -1)) }}
    ) as days
        on days.date_day >= {{ business_date('segments.created_at') }}

    union all

    select
        runs.segment_id,
        {{ business_date('runs.started_at') }} as stat_date,
        0 as row_count,
        -runs.added_customers as joined,
        -runs.removed_customers as gone
    from {{ ref('stg_customer__segment_calculation_history') }} as runs
    inner join {{ ref('stg_customer__segments') }} as segments
        on segments.segment_id = runs.segment_id
    where runs.calculation_status = 'success'
        and segments.segment_type = 'dynamic'
        and runs.started_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and runs.started_at < {{ as_of_date() }}
        and runs.started_at >= {{ day_start(business_date('segments.created_at')) }}

    union all

    select
        members.segment_id,
        {{ business_date('members.joined_at') }} as stat_date,
        0 as row_count,
        -1 as joined,
        0 as gone
    from {{ ref('stg_customer__segment_members') }} as members
    inner join {{ ref('stg_customer__segments') }} as segments
        on segments.segment_id = members.segment_id
    where segments.segment_type <> 'dynamic'
        and members.joined_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and members.joined_at < {{ as_of_date() }}
        and members.joined_at >= {{ day_start(business_date('segments.created_at')) }}

)

select
    segment_id,
    stat_date,
    sum(row_count) as rows_too_many,
    sum(joined) as joined_too_many,
    sum(gone) as left_too_many
from counted
group by
    segment_id,
    stat_date
having sum(row_count) <> 0
    or sum(joined) <> 0
    or sum(gone) <> 0
