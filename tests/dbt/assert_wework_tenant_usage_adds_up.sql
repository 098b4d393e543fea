-- Parts are no more than their whole, in every row: a figure that was computed from another set of
-- messages, accounts or alerts than its neighbour shows here although each is plausible alone.
select
    tenant_id,
    stat_date
from {{ ref('wework_tenant_usage') }}
where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
    and (
        total_messages <> sent_messages + received_messages
        or failed_messages > sent_messages
        or group_messages > total_messages
        or active_contacts + active_groups > total_messages
        or online_accounts > total_accounts
        or critical_alerts > total_alerts
        or (message_success_rate is null) <> (sent_messages = 0)
        or message_success_rate > 100
        or uptime_percentage > 100
        or (uptime_percentage is null and total_accounts > 0 and stat_date < {{ as_of_date() }})
    )
