-- Two ways to the same figures: the facts give what wework_tenant_usage states for the closed days of the
-- lookback, the distinct counterparts included. A rule that changes in one of the two models and not in
-- the other passes every test of its own model.
with facts as (

    select
        tenant_id,
        message_date as stat_date,
        count(*) as total_messages,
        {{ count_if("direction = 'send'") }} as sent_messages,
        {{ count_if("is_group_message") }} as group_messages,
        count(distinct case when counterpart_type = 'contact' then counterpart_key end) as active_contacts,
        count(distinct case when counterpart_type = 'group' then counterpart_key end) as active_groups
    from {{ ref('fct_messages') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, message_date

)

select
    usages.tenant_id,
    usages.stat_date
from {{ ref('wework_tenant_usage') }} as usages
left join facts
    on facts.tenant_id = usages.tenant_id
        and facts.stat_date = usages.stat_date
where usages.stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
    and usages.stat_date < {{ as_of_date() }}
    and (
        usages.total_messages <> coalesce(facts.total_messages, 0)
        or usages.sent_messages <> coalesce(facts.sent_messages, 0)
        or usages.group_messages <> coalesce(facts.group_messages, 0)
        or usages.active_contacts <> coalesce(facts.active_contacts, 0)
        or usages.active_groups <> coalesce(facts.active_groups, 0)
    )
