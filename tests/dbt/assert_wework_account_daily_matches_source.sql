-- Messages of each closed day of the week that a build touches are the source's, account by account, and
-- no state counts more than the one it is part of. Receipts that arrived since the build move states,
-- never the number of messages, so only that is held against the source.
with counted as (

    select
        account_id,
        stat_date,
        send_total + received_count as messages,
        case
            when sent_count + failed_count + recalled_count + pending_count > send_total
                or delivered_count > sent_count
                or read_count > delivered_count
                or response_count > send_total
                then 1
            else 0
        end as is_contradictory
    from {{ ref('wework_account_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -7) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        account_id,
        {{ business_date('created_at') }} as stat_date,
        -count(*) as messages,
        0 as is_contradictory
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ add_days(as_of_date(), -7) }}
        and created_at < {{ as_of_date() }}
    group by
        account_id,
        {{ business_date('created_at') }}

)

select
    account_id,
    stat_date,
    sum(messages) as messages_too_many,
    max(is_contradictory) as is_contradictory
from counted
group by
    account_id,
    stat_date
having sum(messages) <> 0
    or max(is_contradictory) = 1
