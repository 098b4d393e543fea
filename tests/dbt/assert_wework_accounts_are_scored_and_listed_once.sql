-- The score, the statistics and the overview have one row for each account and none besides: the overview's
-- four counts and the score's look at history must neither drop an account nor repeat one.
with counted as (

    select
        account_id,
        1 as accounts,
        0 as scores,
        0 as statistics,
        0 as overviews
    from {{ ref('stg_wework__accounts') }}

    union all

    select
        account_id,
        0 as accounts,
        1 as scores,
        0 as statistics,
        0 as overviews
    from {{ ref('wework_account_health') }}

    union all

    select
        account_id,
        0 as accounts,
        0 as scores,
        1 as statistics,
        0 as overviews
    from {{ ref('wework_account_statistics') }}

    union all

    select
        id as account_id,
        0 as accounts,
        0 as scores,
        0 as statistics,
        1 as overviews
    from {{ ref('v_wework_account_overview') }}

)

select
    account_id,
    sum(accounts) as accounts,
    sum(scores) as scores,
    sum(statistics) as statistics,
    sum(overviews) as overviews
from counted
group by account_id
having sum(accounts) <> 1
    or sum(scores) <> 1
    or sum(statistics) <> 1
    or sum(overviews) <> 1
