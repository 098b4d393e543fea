-- Each row of the history stands behind exactly one stretch: changes that share a second are counted
-- with the one that held, none is lost and none stands behind two.
with counted as (

    select
        account_id,
        sum(status_changes) as mart_rows,
        0 as source_rows
    from {{ ref('fct_account_status_intervals') }}
    where started_at < {{ as_of_date() }}
    group by account_id

    union all

    select
        accounts.account_id,
        0 as mart_rows,
        count(*) as source_rows
    from {{ ref('stg_wework__accounts') }} as accounts
    inner join {{ ref('stg_wework__account_status_history') }} as history
        on history.account_id = accounts.account_id
    where accounts.created_at < {{ as_of_date() }}
        and history.created_at < {{ as_of_date() }}
    group by accounts.account_id

)

select
    account_id,
    sum(mart_rows) as mart_rows,
    sum(source_rows) as source_rows
from counted
group by account_id
having sum(mart_rows) <> sum(source_rows)
