-- Closed days that a build touches on which the messages differ in number from their source, or on which
-- the five states do not sum to the messages: a state that joins the enum would vanish from every count.
with rows_a_day as (
    select
        stat_date,
        sum(messages) as messages,
        sum(
            pending_messages + sent_messages + delivered_messages + failed_messages + bounced_messages
        ) as messages_by_state,
        0 as source_messages
    from {{ ref('message_delivery_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and stat_date < {{ as_of_date() }}
    group by stat_date

    union all

    select
        {{ business_date('created_at') }} as stat_date,
        0 as messages,
        0 as messages_by_state,
        count(*) as source_messages
    from {{ ref('stg_core__message_logs') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and created_at < {{ as_of_date() }}
    group by {{ business_date('created_at') }}
)

select
    stat_date,
    sum(messages) as messages,
    sum(messages_by_state) as messages_by_state,
    sum(source_messages) as source_messages
from rows_a_day
group by stat_date
having sum(messages) <> sum(source_messages)
    or sum(messages) <> sum(messages_by_state)
