-- Each account's seconds of a closed day sum to the day, on its first day from creation on. Unlike the
-- grain's keys this sees a stretch that is missing, counted twice or cut at the wrong midnight.
with days as (

    select spine.date_day
    from ({{ day_spine(add_days(as_of_date(), -1 * var('lookback_days')), add_days(as_of_date(), -1)) }}) as spine

),

expected as (

    select
        accounts.account_id,
        days.date_day as stat_date,
        {{ seconds_between(
            greatest_of(['accounts.created_at', day_start('days.date_day')]),
            day_start(add_days('days.date_day', 1))
        ) }} as seconds
    from {{ ref('stg_wework__accounts') }} as accounts
    inner join days
        on accounts.created_at < {{ day_start(add_days('days.date_day', 1)) }}

),

found as (

    select
        account_id,
        stat_date,
        sum(seconds) as seconds
    from {{ ref('wework_account_status_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}
    group by
        account_id,
        stat_date

)

select
    expected.account_id,
    expected.stat_date,
    expected.seconds as expected_seconds,
    found.seconds as found_seconds
from expected
left join found
    on found.account_id = expected.account_id
        and found.stat_date = expected.stat_date
where found.seconds is null
    or found.seconds <> expected.seconds
