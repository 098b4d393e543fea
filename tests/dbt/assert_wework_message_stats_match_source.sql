-- The view's counts of each closed day are the source's, over all of its thirty days: the first and the
-- last of them are where a range that is off by one would show.
with counted as (

    select
        message_date,
        message_count as messages
    from {{ ref('v_wework_message_stats') }}
    where message_date < {{ as_of_date() }}

    union all

    select
        {{ business_date('created_at') }} as message_date,
        -count(*) as messages
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ add_days(as_of_date(), -29) }}
        and created_at < {{ as_of_date() }}
    group by {{ business_date('created_at') }}

)

select
    message_date,
    sum(messages) as messages_too_many
from counted
group by message_date
having sum(messages) <> 0
