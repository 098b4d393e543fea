-- An account's stretches begin when it does, follow each other without gap or overlap, each longer than
-- nothing, and only the last one runs: exactly one status holds at any instant. Unique starts alone
-- would let stretches overlap.
with intervals as (

    select
        account_id,
        started_at,
        ended_at,
        is_running,
        lead(started_at) over (partition by account_id order by started_at) as next_started_at,
        row_number() over (partition by account_id order by started_at) as interval_number
    from {{ ref('fct_account_status_intervals') }}

)

select
    accounts.account_id,
    intervals.started_at
from {{ ref('stg_wework__accounts') }} as accounts
left join intervals
    on intervals.account_id = accounts.account_id
where accounts.created_at < {{ as_of_date() }}
    and (
        intervals.account_id is null
        or intervals.ended_at <= intervals.started_at
        or (intervals.interval_number = 1 and intervals.started_at <> accounts.created_at)
        or (intervals.ended_at is null) <> (intervals.next_started_at is null)
        or intervals.ended_at <> intervals.next_started_at
        or intervals.is_running <> (intervals.ended_at is null)
    )
