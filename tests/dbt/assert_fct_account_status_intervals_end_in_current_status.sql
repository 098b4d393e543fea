-- The stretch that runs has the status that the account shows. Where it has not, an application changed
-- the account without writing history (or the other way round), and every figure of time spent in a
-- status is off from then on. A change between the build and this test looks the same: a warning.
{{ config(severity='warn', store_failures=true) }}

select accounts.account_id
from {{ ref('stg_wework__accounts') }} as accounts
inner join {{ ref('fct_account_status_intervals') }} as intervals
    on intervals.account_id = accounts.account_id
        and intervals.ended_at is null
where accounts.status <> intervals.status
