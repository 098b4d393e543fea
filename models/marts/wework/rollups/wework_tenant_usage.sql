-- One row per tenant with an account and business day, from the tenant's created day, over all of the
-- tenant's accounts. Totals of accounts, contacts and groups are stocks, active_* are distinct counts
-- and rates are rates: none of them may be summed over days. Messages and alerts may.
{{ config(window_column='stat_date', stamped=true, grain=['tenant_id', 'stat_date'], refresh_by_month=true) }}

with accounts as (

    select
        account_id,
        tenant_id,
        created_at
    from {{ ref('stg_wework__accounts') }}

),

first_accounts as (

    select
        tenant_id,
        min(created_at) as created_at
    from accounts
    group by tenant_id

),

-- where core does not know the tenant, or is switched off, it begins with its first account
tenants as (

    select
        first_accounts.tenant_id,
        cast(coalesce(tenants.created_at, first_accounts.created_at) as date) as first_day
    from first_accounts
    left join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = first_accounts.tenant_id

),

tenant_spans as (

    select
        tenant_id,
        {{ greatest_of(['first_day', window_start()]) }} as first_day
    from tenants
    where first_day <= {{ window_last_day() }}

),

days as (

    select spine.date_day
    from ({{ day_spine('(select min(first_day) from tenant_spans)', window_last_day()) }}) as spine

),

tenant_days as (

    select
        tenant_spans.tenant_id,
        days.date_day as stat_date
    from tenant_spans
    inner join days
        on days.date_day >= tenant_spans.first_day

),

segments as (

    select
        stretches.account_id,
        stretches.tenant_id,
        stretches.stat_date,
        stretches.status,
        stretches.ends_at = {{ day_start(add_days('stretches.stat_date', 1)) }} as is_at_days_end,
        case
            when stretches.starts_at < {{ as_of() }}
                then {{ seconds_between('stretches.starts_at', least_of(['stretches.ends_at', as_of()])) }}
            else 0
        end as seconds
    from ({{ account_status_segments() }}) as stretches

),

account_days as (

    select
        account_id,
        tenant_id,
        stat_date,
        {{ count_if('is_at_days_end') }} as is_there,
        {{ count_if("is_at_days_end and status = 'ONLINE'") }} as is_online,
        sum(seconds) as observed_seconds,
        {{ sum_if('seconds', "status = 'ONLINE'") }} as online_seconds
    from segments
    group by
        account_id,
        tenant_id,
        stat_date

),

-- each account's share in billionths of a per cent, so that the mean is rounded once
account_shares as (

    select
        tenant_id,
        stat_date,
        is_there,
        is_online,
        {{ exact_divide('100000000000 * online_seconds', 'observed_seconds', 0) }} as uptime_share
    from account_days

),

account_figures as (

    select
        tenant_id,
        stat_date,
        sum(is_there) as total_accounts,
        sum(is_online) as online_accounts,
        {{ exact_divide('sum(uptime_share)', 'count(uptime_share) * 1000000000', 2) }} as uptime_percentage
    from account_shares
    group by
        tenant_id,
        stat_date

),

-- the other side of a message: in a group chat the group, whoever speaks
messages as (

    select
        tenant_id,
        account_id,
        {{ business_date('created_at') }} as stat_date,
        direction,
        send_status,
        response_time_ms,
        case
            when from_type = 'group' or to_type = 'group' then 'group'
            when direction = 'send' then to_type
            else from_type
        end as counterpart_type,
        case
            when to_type = 'group' then to_id
            when from_type = 'group' then from_id
            when direction = 'send' then to_id
            else from_id
        end as counterpart_id
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

counterpart_days as (

    select
        tenant_id,
        account_id,
        stat_date,
        counterpart_type,
        {{ by_code_point('counterpart_id') }} as counterpart_id,
        count(*) as total_messages,
        {{ count_if("direction = 'send'") }} as sent_messages,
        {{ count_if("direction = 'receive'") }} as received_messages,
        {{ count_if("direction = 'send' and send_status = 'failed'") }} as failed_messages,
        {{ count_if("direction = 'send' and send_status in ('sent', 'delivered', 'read')") }}
            as successful_messages,
        {{ sum_if('response_time_ms', "direction = 'send'") }} as response_ms_sum,
        {{ count_if("direction = 'send' and response_time_ms is not null") }} as response_count
    from messages
    group by
        tenant_id,
        account_id,
        stat_date,
        counterpart_type,
        {{ by_code_point('counterpart_id') }}

),

message_figures as (

    select
        tenant_id,
        stat_date,
        sum(total_messages) as total_messages,
        sum(sent_messages) as sent_messages,
        sum(received_messages) as received_messages,
        sum(failed_messages) as failed_messages,
        sum(successful_messages) as successful_messages,
        sum(response_ms_sum) as response_ms_sum,
        sum(response_count) as response_count,
        {{ sum_if('total_messages', "counterpart_type = 'group'") }} as group_messages,
        {{ count_if("counterpart_type = 'contact'") }} as active_contacts,
        {{ count_if("counterpart_type = 'group'") }} as active_groups
    from counterpart_days
    group by
        tenant_id,
        stat_date

),

active_account_days as (

    select
        tenant_id,
        account_id,
        stat_date
    from counterpart_days

    union distinct

    select
        accounts.tenant_id,
        accounts.account_id,
        {{ business_date('history.created_at') }} as stat_date
    from accounts
    inner join {{ ref('stg_wework__account_status_history') }} as history
        on history.account_id = accounts.account_id
    where history.created_at >= {{ window_start() }}
        and history.created_at < {{ window_end() }}

),

activity_figures as (

    select
        tenant_id,
        stat_date,
        count(*) as active_accounts
    from active_account_days
    group by
        tenant_id,
        stat_date

),

-- what existed before the tenant's first day in the window counts as there on that day
contact_additions as (

    select
        contacts.tenant_id,
        {{ greatest_of([business_date('contacts.created_at'), 'tenant_spans.first_day']) }} as stat_date,
        {{ count_if("contacts.status = 'normal'") }} as added_contacts,
        {{ count_if(business_date('contacts.created_at') ~ ' >= tenant_spans.first_day') }} as new_contacts
    from {{ ref('stg_wework__contacts') }} as contacts
    inner join tenant_spans
        on tenant_spans.tenant_id = contacts.tenant_id
    where contacts.created_at < {{ window_end() }}
    group by
        contacts.tenant_id,
        {{ greatest_of([business_date('contacts.created_at'), 'tenant_spans.first_day']) }}

),

group_additions as (

    select
        chat_groups.tenant_id,
        {{ greatest_of([business_date('chat_groups.created_at'), 'tenant_spans.first_day']) }} as stat_date,
        count(*) as added_groups
    from {{ ref('stg_wework__groups') }} as chat_groups
    inner join tenant_spans
        on tenant_spans.tenant_id = chat_groups.tenant_id
    where chat_groups.status = 'active'
        and chat_groups.created_at < {{ window_end() }}
    group by
        chat_groups.tenant_id,
        {{ greatest_of([business_date('chat_groups.created_at'), 'tenant_spans.first_day']) }}

),

alert_figures as (

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as total_alerts,
        {{ count_if("alert_level = 'critical'") }} as critical_alerts
    from {{ ref('stg_wework__account_alerts') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

),

resolution_figures as (

    select
        tenant_id,
        {{ business_date('resolved_at') }} as stat_date,
        count(*) as resolved_alerts
    from {{ ref('stg_wework__account_alerts') }}
    where resolved_at >= {{ window_start() }}
        and resolved_at < {{ window_end() }}
    group by
        tenant_id,
        {{ business_date('resolved_at') }}

)

select
    {{ row_id(['tenant_days.tenant_id', 'tenant_days.stat_date']) }} as id,
    tenant_days.tenant_id,
    tenant_days.stat_date,
    coalesce(account_figures.total_accounts, 0) as total_accounts,
    coalesce(account_figures.online_accounts, 0) as online_accounts,
    coalesce(activity_figures.active_accounts, 0) as active_accounts,
    coalesce(message_figures.total_messages, 0) as total_messages,
    coalesce(message_figures.sent_messages, 0) as sent_messages,
    coalesce(message_figures.received_messages, 0) as received_messages,
    coalesce(message_figures.failed_messages, 0) as failed_messages,
    sum(coalesce(contact_additions.added_contacts, 0)) over (
        partition by tenant_days.tenant_id
        order by tenant_days.stat_date
    ) as total_contacts,
    coalesce(contact_additions.new_contacts, 0) as new_contacts,
    coalesce(message_figures.active_contacts, 0) as active_contacts,
    sum(coalesce(group_additions.added_groups, 0)) over (
        partition by tenant_days.tenant_id
        order by tenant_days.stat_date
    ) as total_groups,
    coalesce(message_figures.active_groups, 0) as active_groups,
    coalesce(message_figures.group_messages, 0) as group_messages,
    {{ exact_divide('message_figures.response_ms_sum', '1000 * message_figures.response_count', 3) }}
        as avg_response_time,
    {{ percentage('message_figures.successful_messages', 'message_figures.sent_messages') }}
        as message_success_rate,
    account_figures.uptime_percentage,
    coalesce(alert_figures.total_alerts, 0) as total_alerts,
    coalesce(alert_figures.critical_alerts, 0) as critical_alerts,
    coalesce(resolution_figures.resolved_alerts, 0) as resolved_alerts
from tenant_days
left join account_figures
    on account_figures.tenant_id = tenant_days.tenant_id
        and account_figures.stat_date = tenant_days.stat_date
left join activity_figures
    on activity_figures.tenant_id = tenant_days.tenant_id
        and activity_figures.stat_date = tenant_days.stat_date
left join message_figures
    on message_figures.tenant_id = tenant_days.tenant_id
        and message_figures.stat_date = tenant_days.stat_date
left join contact_additions
    on contact_additions.tenant_id = tenant_days.tenant_id
        and contact_additions.stat_date = tenant_days.stat_date
left join group_additions
    on group_additions.tenant_id = tenant_days.tenant_id
        and group_additions.stat_date = tenant_days.stat_date
left join alert_figures
    on alert_figures.tenant_id = tenant_days.tenant_id
        and alert_figures.stat_date = tenant_days.stat_date
left join resolution_figures
    on resolution_figures.tenant_id = tenant_days.tenant_id
        and resolution_figures.stat_date = tenant_days.stat_date
