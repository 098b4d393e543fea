-- One row per tenant, resource and period whose limit is in force on as_of's day. Resources have units of
-- their own, and windows of one resource overlap: nothing here may be summed. Closed days come from
-- saas_usage_statistics, those that its nightly build may still change from the sources.
{{ config(stamped=true, grain=['tenant_id', 'resource_type', 'usage_period']) }}
{%- set gib = 1073741824 %}
{%- set windows = 30 %}
{%- set today = as_of_date() %}
{%- set tomorrow = add_days(as_of_date(), 1) %}
{%- set open_from = add_days(as_of_date(), -1 * var('lookback_days') | int) %}
{%- set this_month = month_start(as_of_date()) %}
{%- set this_hour = dbt.date_trunc('hour', as_of()) %}
{%- set this_minute = dbt.date_trunc('minute', as_of()) %}
{#- resource, period and limit; then how its usage is found: by the clock, in a figure of days, in a relation #}
{%- set clock_limits = [
    ('api_calls', 'minute', 'max_api_calls_per_minute'),
    ('api_calls', 'hour', 'max_api_calls_per_hour'),
] %}
{%- set day_limits = [
    ('api_calls', 'day', 'max_api_calls_per_day', 'api_calls'),
    ('wework_messages', 'day', 'max_daily_wework_messages', 'wework_messages_sent'),
    ('wework_alerts', 'day', 'max_wework_alerts_per_day', 'wework_alerts_triggered'),
    ('ai_conversations', 'day', 'max_ai_conversations_per_day', 'ai_conversations'),
    ('ai_tokens', 'day', 'max_ai_tokens_per_day', 'ai_tokens_consumed'),
    ('alerts', 'day', 'max_alerts_per_day', 'alerts_raised'),
    ('notifications', 'day', 'max_notifications_per_day', 'notifications_sent'),
    ('email', 'day', 'max_email_per_day', 'emails_sent'),
    ('sms', 'day', 'max_sms_per_day', 'sms_sent'),
] %}
{%- set month_limits = [
    ('api_calls', 'month', 'max_api_calls_per_month', 'api_calls'),
    ('wework_messages', 'month', 'max_monthly_wework_messages', 'wework_messages_sent'),
] %}
{%- set stock_limits = [
    ('users', 'day', 'max_users', 'stg_core__users', is_present_user()),
    ('roles', 'day', 'max_roles', 'stg_core__roles', none),
    ('api_keys', 'day', 'max_api_keys', 'stg_core__api_keys', "status = 'active'"),
    ('wework_accounts', 'day', 'max_wework_accounts', 'stg_wework__accounts', none),
    ('online_wework_accounts', 'day', 'max_online_wework_accounts', 'stg_wework__accounts', "status = 'ONLINE'"),
    ('wework_monitor_rules', 'day', 'max_wework_monitor_rules', 'stg_wework__account_monitor_rules', none),
    ('monitor_rules', 'day', 'max_monitor_rules', 'stg_core__monitor_rules', none),
    ('ai_agents', 'day', 'max_ai_agents', 'stg_ai__agents', "coalesce(status, 'draft') <> 'archived'"),
    ('ai_platforms', 'day', 'max_ai_platforms', 'stg_ai__platforms', none),
    ('ai_knowledge_bases', 'day', 'max_ai_knowledge_bases', 'stg_ai__knowledge_bases', none),
    ('ai_tools', 'day', 'max_ai_tools', 'stg_ai__tools', none),
    ('health_patients', 'day', 'max_health_patients', 'stg_health__patients',
     "coalesce(status, 'active') <> 'archived'"),
    ('health_devices', 'day', 'max_health_devices', 'stg_health__devices', none),
] %}
{%- set other_stock_limits = [
    ('storage_gb', 'day', 'max_storage_gb'),
    ('health_records_per_patient', 'day', 'max_health_records_per_patient'),
    ('concurrent_sessions', 'day', 'max_concurrent_sessions'),
] %}
{%- set flow_limits = clock_limits + day_limits + month_limits %}
{%- set all_limits = flow_limits + stock_limits + other_stock_limits %}
{#- what both the statistics and the open days know, and what nobody keeps by day -#}
{%- set kept_figures = [
    'api_calls', 'wework_messages_sent', 'wework_alerts_triggered', 'ai_conversations',
    'ai_tokens_consumed', 'notifications_sent',
] %}
{%- set other_figures = ['alerts_raised', 'emails_sent', 'sms_sent'] %}
{%- set flows_by_day = [
    ('kept_days', 'usage_date', today, add_days(today, 1 - windows),
     day_limits | selectattr(3, 'in', kept_figures) | list),
    ('unkept_days', 'usage_date', today, add_days(today, 1 - windows),
     day_limits | selectattr(3, 'in', other_figures) | list),
    ('kept_months', 'month_date', this_month, add_months(this_month, 1 - windows), month_limits),
] %}

with quotas as (

    select *
    from {{ ref('stg_core__tenant_quotas') }}
    where effective_from_date <= {{ today }}
        and (effective_to_date is null or effective_to_date >= {{ today }})

),

resources as (

    {%- for limit in all_limits %}
    select
        '{{ limit[0] }}' as resource_type,
        '{{ limit[1] }}' as usage_period,
        '{{ limit[2] }}' as limit_name,
        {{ 0 if limit in flow_limits else 1 }} as is_stock
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

limits as (

    select
        quotas.tenant_id,
        resources.resource_type,
        resources.usage_period,
        resources.is_stock,
        case resources.limit_name
            {%- for limit in all_limits %}
            when '{{ limit[2] }}' then cast(quotas.{{ limit[2] }} as decimal(21, 2))
            {%- endfor %}
        end as usage_limit,
        quotas.warning_threshold_pct
    from quotas
    cross join resources

),

recent_calls as (

    select
        tenant_id,
        created_at
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ shift_time(this_hour, 1 - windows, 'hour') }}
        and created_at < {{ shift_time(this_hour, 1, 'hour') }}

    union all

    select
        tenant_id,
        created_at
    from {{ ref('stg_core__audit_logs') }}
    where operator_type = 'api'
        and created_at >= {{ shift_time(this_hour, 1 - windows, 'hour') }}
        and created_at < {{ shift_time(this_hour, 1, 'hour') }}

),

call_moments as (

    {%- for unit, this_window in [('minute', this_minute), ('hour', this_hour)] %}
    select
        tenant_id,
        '{{ unit }}' as usage_period,
        {{ dbt.date_trunc(unit, 'created_at') }} as window_start,
        {{ this_window }} as current_window_start
    from recent_calls
    where created_at >= {{ shift_time(this_window, 1 - windows, unit) }}
        and created_at < {{ shift_time(this_window, 1, unit) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

clock_windows as (

    select
        tenant_id,
        usage_period,
        case when window_start = current_window_start then 1 else 0 end as is_current,
        count(*) as used
    from call_moments
    group by
        tenant_id,
        usage_period,
        window_start,
        current_window_start

),

open_days as (

    select
        tenant_usage.tenant_id,
        tenant_usage.usage_date,
        coalesce(sum(tenant_usage.api_calls), 0) as api_calls,
        coalesce(sum(tenant_usage.wework_messages_sent), 0) as wework_messages_sent,
        coalesce(sum(tenant_usage.wework_alerts_triggered), 0) as wework_alerts_triggered,
        coalesce(sum(tenant_usage.ai_conversations), 0) as ai_conversations,
        coalesce(sum(tenant_usage.ai_tokens_consumed), 0) as ai_tokens_consumed,
        coalesce(sum(tenant_usage.notifications_sent), 0) as notifications_sent
    from ({{ tenant_usage_by_day(kept_figures, open_from, tomorrow) }}) as tenant_usage
    group by
        tenant_usage.tenant_id,
        tenant_usage.usage_date

),

unkept_days as (

    select
        tenant_usage.tenant_id,
        tenant_usage.usage_date,
        coalesce(sum(tenant_usage.alerts_raised), 0) as alerts_raised,
        coalesce(sum(tenant_usage.emails_sent), 0) as emails_sent,
        coalesce(sum(tenant_usage.sms_sent), 0) as sms_sent
    from ({{ tenant_usage_by_day(other_figures, add_days(today, 1 - windows), tomorrow) }}) as tenant_usage
    group by
        tenant_usage.tenant_id,
        tenant_usage.usage_date

),

kept_days as (

    select
        tenant_id,
        usage_date,
        {{ kept_figures | join(',\n        ') }}
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ add_months(this_month, 1 - windows) }}
        and usage_date < {{ open_from }}

    union all

    select
        tenant_id,
        usage_date,
        {{ kept_figures | join(',\n        ') }}
    from open_days

),

kept_months as (

    select
        tenant_id,
        {{ month_start('usage_date') }} as month_date,
        sum(api_calls) as api_calls,
        sum(wework_messages_sent) as wework_messages_sent
    from kept_days
    group by
        tenant_id,
        {{ month_start('usage_date') }}

),

-- windows without use are not here: they add nothing to a sum and cannot be the peak
used_windows as (

    select
        tenant_id,
        'api_calls' as resource_type,
        usage_period,
        is_current,
        used
    from clock_windows

    union all

    {%- for days, day, this_day, first_day, counted in flows_by_day %}
    select
        {{ days }}.tenant_id,
        resources.resource_type,
        resources.usage_period,
        case when {{ days }}.{{ day }} = {{ this_day }} then 1 else 0 end as is_current,
        case resources.limit_name
            {%- for _, _, limit_name, figure in counted %}
            when '{{ limit_name }}' then {{ days }}.{{ figure }}
            {%- endfor %}
        end as used
    from {{ days }}
    inner join resources
        on resources.limit_name in ('{{ counted | map(attribute=2) | join("', '") }}')
    where {{ days }}.{{ day }} >= {{ first_day }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

flows as (

    select
        tenant_id,
        resource_type,
        usage_period,
        {{ sum_if('used', 'is_current = 1') }} as used,
        max(used) as peak_usage,
        {{ exact_divide('sum(used)', windows, 2) }} as avg_usage
    from used_windows
    group by
        tenant_id,
        resource_type,
        usage_period

),

patient_records as (

    select
        tenant_id,
        patient_id,
        count(*) as records
    from {{ ref('stg_health__records') }}
    group by
        tenant_id,
        patient_id

),

user_sessions as (

    select
        tenant_id,
        user_id,
        count(*) as sessions
    from {{ ref('stg_core__user_sessions') }}
    where status = 'active'
        and expires_at > {{ as_of() }}
    group by
        tenant_id,
        user_id

),

-- storage in bytes, all others in what their limit counts
stocks as (

    {%- for resource, _, _, source, condition in stock_limits %}
    select
        tenant_id,
        '{{ resource }}' as resource_type,
        count(*) as used
    from {{ ref(source) }}
    {%- if condition %}
    where {{ condition }}
    {%- endif %}
    group by tenant_id

    union all
    {% endfor %}
    select
        tenant_id,
        'storage_gb' as resource_type,
        sum(file_size_bytes) as used
    from {{ ref('stg_core__files') }}
    where not coalesce(is_temporary, false)
        and (deleted_at is null or deleted_at > {{ as_of() }})
    group by tenant_id

    union all

    select
        tenant_id,
        'health_records_per_patient' as resource_type,
        max(records) as used
    from patient_records
    group by tenant_id

    union all

    select
        tenant_id,
        'concurrent_sessions' as resource_type,
        max(sessions) as used
    from user_sessions
    group by tenant_id

),

measured as (

    select
        limits.tenant_id,
        limits.resource_type,
        limits.usage_period,
        limits.is_stock,
        limits.usage_limit,
        case when limits.resource_type = 'storage_gb' then {{ gib }} else 1 end as units,
        coalesce(limits.warning_threshold_pct, 80) as warning_threshold_pct,
        coalesce(stocks.used, flows.used, 0) as used,
        coalesce(flows.peak_usage, 0) as peak_usage,
        coalesce(flows.avg_usage, 0) as avg_usage
    from limits
    left join flows
        on flows.tenant_id = limits.tenant_id
            and flows.resource_type = limits.resource_type
            and flows.usage_period = limits.usage_period
            and limits.is_stock = 0
    left join stocks
        on stocks.tenant_id = limits.tenant_id
            and stocks.resource_type = limits.resource_type
            and limits.is_stock = 1
    where limits.usage_limit is not null

),

rated as (

    select
        measured.*,
        {{ integer_divide('used + units - 1', 'units') }} as current_usage,
        case
            when usage_limit > 0 then {{ least_of([percentage('used', 'usage_limit * units'), '999.99']) }}
            when used > 0 then 999.99
            else 0
        end as usage_percentage
    from measured

)

select
    {{ row_id(['tenant_id', 'resource_type', 'usage_period']) }} as id,
    tenant_id,
    resource_type,
    current_usage,
    floor(usage_limit) as usage_limit,
    usage_period,
    case usage_period
        when 'minute' then {{ this_minute }}
        when 'hour' then {{ this_hour }}
        when 'day' then {{ day_start(today) }}
        when 'month' then {{ day_start(this_month) }}
    end as window_start,
    case usage_period
        when 'minute' then {{ shift_time(this_minute, 1, 'minute') }}
        when 'hour' then {{ shift_time(this_hour, 1, 'hour') }}
        when 'day' then {{ day_start(tomorrow) }}
        when 'month' then {{ day_start(add_months(this_month, 1)) }}
    end as window_end,
    case when is_stock = 1 then current_usage else peak_usage end as peak_usage,
    {{ least_of(['case when is_stock = 1 then current_usage else avg_usage end', '99999999.99']) }} as avg_usage,
    case
        when is_stock = 1 then null
        when usage_period = 'minute' then {{ this_minute }}
        when usage_period = 'hour' then {{ this_hour }}
        when usage_period = 'day' then {{ day_start(today) }}
        when usage_period = 'month' then {{ day_start(this_month) }}
    end as last_reset_at,
    {{ cast_boolean('usage_percentage >= warning_threshold_pct') }} as alert_triggered,
    usage_percentage
from rated
