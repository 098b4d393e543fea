-- A tenant's day is the sum of its accounts' days: the two tables read the messages separately and over
-- different windows, so a difference means that one of them was not built with the other.
with counted as (

    select
        tenant_id,
        stat_date,
        sent_messages as sent,
        received_messages as received
    from {{ ref('wework_tenant_usage') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        stat_date,
        -sum(send_total) as sent,
        -sum(received_count) as received
    from {{ ref('wework_account_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}
        and tenant_id in (select tenant_id from {{ ref('stg_wework__accounts') }})
    group by
        tenant_id,
        stat_date

)

select
    tenant_id,
    stat_date,
    sum(sent) as sent_too_many,
    sum(received) as received_too_many
from counted
group by
    tenant_id,
    stat_date
having sum(sent) <> 0
    or sum(received) <> 0
