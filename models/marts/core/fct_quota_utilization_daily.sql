-- One row per tenant, business day, resource and period that the statistics measure and a limit was in
-- force for. Amounts of different resources have different units, storage and accounts online are stocks
-- and a month's amounts run up to the day: sum only one resource's `day` flows. No quota is known before
-- the first snapshot, so that no row is older.
{{ config(materialized='window', window_column='usage_date') }}
{%- set resources = [
    ('api_calls', 'day', 'api_calls', 'max_api_calls_per_day'),
    ('api_calls', 'month', 'api_calls_this_month', 'max_api_calls_per_month'),
    ('wework_messages', 'day', 'wework_messages_sent', 'max_daily_wework_messages'),
    ('wework_messages', 'month', 'wework_messages_this_month', 'max_monthly_wework_messages'),
    ('wework_alerts', 'day', 'wework_alerts_triggered', 'max_wework_alerts_per_day'),
    ('online_wework_accounts', 'day', 'wework_accounts_online', 'max_online_wework_accounts'),
    ('ai_conversations', 'day', 'ai_conversations', 'max_ai_conversations_per_day'),
    ('ai_tokens', 'day', 'ai_tokens_consumed', 'max_ai_tokens_per_day'),
    ('notifications', 'day', 'notifications_sent', 'max_notifications_per_day'),
    ('storage_gb', 'day', 'storage_used_gb', 'max_storage_gb'),
] %}

with tenant_usage as (

    select
        tenant_usage_statistics.*,
        sum(api_calls) over (
            partition by tenant_id, {{ month_start('usage_date') }}
            order by usage_date
        ) as api_calls_this_month,
        sum(wework_messages_sent) over (
            partition by tenant_id, {{ month_start('usage_date') }}
            order by usage_date
        ) as wework_messages_this_month
    from {{ ref('saas_usage_statistics') }} as tenant_usage_statistics
    where usage_date >= {{ month_start(window_start()) }}
        and usage_date < {{ window_end() }}

),

quota_versions as (

    select *
    from {{ ref('snap_core__tenant_quotas') }}

),

-- of several versions in a day the one that its end saw
tenant_days as (

    select
        tenant_usage.*,
        {%- for limit_column in resources | map(attribute=3) %}
        quota_versions.{{ limit_column }},
        {%- endfor %}
        quota_versions.overage_policy,
        coalesce(quota_versions.warning_threshold_pct, 80) as warning_threshold_pct
    from tenant_usage
    inner join quota_versions
        on quota_versions.tenant_id = tenant_usage.tenant_id
            and quota_versions.dbt_valid_from < {{ day_start(add_days('tenant_usage.usage_date', 1)) }}
            and (
                quota_versions.dbt_valid_to is null
                or quota_versions.dbt_valid_to >= {{ day_start(add_days('tenant_usage.usage_date', 1)) }}
            )
    where tenant_usage.usage_date >= {{ window_start() }}
        and tenant_usage.usage_date >= quota_versions.effective_from_date
        and (
            quota_versions.effective_to_date is null
            or tenant_usage.usage_date <= quota_versions.effective_to_date
        )

),

resources as (

    {%- for resource, period, figure, _ in resources %}
    select
        '{{ resource }}' as resource_type,
        '{{ period }}' as usage_period,
        '{{ figure }}' as figure
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

amounts as (

    select
        tenant_days.tenant_id,
        tenant_days.usage_date,
        resources.resource_type,
        resources.usage_period,
        case resources.figure
            {%- for _, _, figure, _ in resources %}
            when '{{ figure }}' then cast(tenant_days.{{ figure }} as decimal(21, 2))
            {%- endfor %}
        end as usage_amount,
        case resources.figure
            {%- for _, _, figure, limit_column in resources %}
            when '{{ figure }}' then cast(tenant_days.{{ limit_column }} as decimal(21, 2))
            {%- endfor %}
        end as limit_amount,
        tenant_days.overage_policy,
        tenant_days.warning_threshold_pct
    from tenant_days
    cross join resources

),

rated as (

    select
        amounts.*,
        {{ percentage('usage_amount', 'limit_amount') }} as utilization_pct
    from amounts
    where limit_amount is not null

)

select
    tenant_id,
    usage_date,
    resource_type,
    usage_period,
    usage_amount,
    limit_amount,
    utilization_pct,
    warning_threshold_pct,
    {{ cast_boolean('case when limit_amount = 0 then usage_amount > 0 else utilization_pct >= warning_threshold_pct end') }}
        as has_reached_warning,
    {{ cast_boolean('usage_amount > limit_amount') }} as is_over_limit,
    overage_policy
from rated
