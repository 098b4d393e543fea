-- A resource's windows lie in one another, so that its minute is never more than its hour, its hour than
-- its day, its day than its month; a mean never exceeds its peak; and nobody is measured without a quota.
-- A window that is cut at the wrong instant breaks the first, one that is counted twice the second.
with measured as (

    select
        tenant_id,
        resource_type,
        usage_period,
        current_usage,
        peak_usage,
        avg_usage,
        case usage_period when 'minute' then 1 when 'hour' then 2 when 'day' then 3 else 4 end as period_rank
    from {{ ref('saas_quota_usage_realtime') }}

),

quotas as (

    select tenant_id
    from {{ ref('stg_core__tenant_quotas') }}
    where effective_from_date <= {{ as_of_date() }}
        and (effective_to_date is null or effective_to_date >= {{ as_of_date() }})

)

select
    measured.tenant_id,
    measured.resource_type,
    measured.usage_period,
    measured.current_usage,
    measured.peak_usage,
    measured.avg_usage
from measured
left join quotas
    on quotas.tenant_id = measured.tenant_id
left join measured as longer
    on longer.tenant_id = measured.tenant_id
        and longer.resource_type = measured.resource_type
        and longer.period_rank = measured.period_rank + 1
where quotas.tenant_id is null
    or measured.current_usage > measured.peak_usage
    or measured.avg_usage > measured.peak_usage
    or longer.current_usage < measured.current_usage
