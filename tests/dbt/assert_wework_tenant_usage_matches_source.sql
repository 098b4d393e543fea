-- Messages and alerts of each closed day that a build touches are those of the source. Zeros pass every
-- key and range test; only the raw count shows a window cut in the wrong zone or a row joined twice.
with counted as (

    select
        tenant_id,
        stat_date,
        total_messages as messages,
        sent_messages as sent,
        total_alerts as alerts
    from {{ ref('wework_tenant_usage') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        -count(*) as messages,
        -{{ count_if("direction = 'send'") }} as sent,
        0 as alerts
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
        and tenant_id in (select tenant_id from {{ ref('stg_wework__accounts') }})
    group by
        tenant_id,
        {{ business_date('created_at') }}

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        0 as messages,
        0 as sent,
        -count(*) as alerts
    from {{ ref('stg_wework__account_alerts') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

)

select
    tenant_id,
    stat_date,
    sum(messages) as messages_too_many,
    sum(sent) as sent_too_many,
    sum(alerts) as alerts_too_many
from counted
group by
    tenant_id,
    stat_date
having sum(messages) <> 0
    or sum(sent) <> 0
    or sum(alerts) <> 0
