-- The two directions are all messages, and a rate stands exactly where there is something to rate: columns
-- of one row that were computed from different messages or accounts. Parts beyond their whole and rates
-- beyond a hundred are the suite's.
select
    tenant_id,
    stat_date
from {{ ref('wework_tenant_usage') }}
where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
    and (
        total_messages <> sent_messages + received_messages
        or (uptime_percentage is null and total_accounts > 0 and stat_date < {{ as_of_date() }})
    )
