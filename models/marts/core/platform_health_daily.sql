-- One row per scope (a tenant, or the platform itself), subject and day. A subject is a metric with its kind
-- and window, the probes of one kind, or the monitor rules of one category; each kind of subject fills
-- columns of its own and leaves the others NULL. Means, extremes and percentiles must not be summed, nor may
-- any figure over subjects: units differ.
{{ config(materialized='window', window_column='stat_date') }}

with metrics as (

    select
        tenant_id,
        {{ business_date('recorded_at') }} as stat_date,
        metric_name,
        metric_type,
        time_window,
        metric_value,
        {{ percentile_columns('metric_value', [
            'tenant_id', by_code_point('metric_name'), 'metric_type', 'time_window',
            business_date('recorded_at'),
        ]) }}
    from {{ ref('stg_core__system_metrics') }}
    where recorded_at >= {{ window_start() }}
        and recorded_at < {{ window_end() }}

),

metric_days as (

    select
        tenant_id,
        {{ by_code_point('metric_name') }} as subject_name,
        metric_type,
        time_window,
        stat_date,
        count(*) as samples,
        -- only counters add up
        case when metric_type = 'counter' then sum(metric_value) end as value_sum,
        {{ exact_avg('metric_value', 6) }} as avg_value,
        min(metric_value) as min_value,
        max(metric_value) as max_value,
        {{ percentile('metric_value', 95) }} as p95_value
    from metrics
    group by tenant_id, {{ by_code_point('metric_name') }}, metric_type, time_window, stat_date

),

days as (

    select spine.date_day as stat_date
    from (
        {{ day_spine(
            greatest_of([
                window_start(),
                '(select coalesce(min(cast(dbt_valid_from as date)), ' ~ add_days(as_of_date(), 1) ~ ') from '
                ~ ref('snap_core__health_checks') ~ ')',
            ]),
            window_last_day()
        ) }}
    ) as spine

),

-- the verdict in force when the day ended, or at as_of; none is known of days before the first snapshot
probe_days as (

    select
        versions.tenant_id,
        versions.check_type as subject_name,
        days.stat_date,
        count(*) as probes,
        {{ count_if("versions.status = 'healthy'") }} as healthy_probes,
        {{ count_if("versions.status = 'degraded'") }} as degraded_probes,
        {{ count_if("versions.status = 'unhealthy'") }} as unhealthy_probes,
        {{ count_if("versions.status = 'unknown'") }} as unknown_probes,
        {{ percentage(count_if("versions.status = 'healthy'"), count_if("versions.status <> 'unknown'")) }}
            as healthy_pct
    from days
    inner join {{ ref('snap_core__health_checks') }} as versions
        on versions.dbt_valid_from < {{ day_start(add_days('days.stat_date', 1)) }}
            and (
                versions.dbt_valid_to >= {{ day_start(add_days('days.stat_date', 1)) }}
                or versions.dbt_valid_to is null
            )
    group by versions.tenant_id, versions.check_type, days.stat_date

),

rules as (

    select
        monitor_rule_id,
        tenant_id,
        rule_category
    from {{ ref('stg_core__monitor_rules') }}

),

raised as (

    select
        source_id as monitor_rule_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as alerts,
        {{ count_if("alert_level = 'critical'") }} as critical_alerts
    from {{ ref('stg_core__alerts') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
        and source_type = 'monitor'
    group by source_id, {{ business_date('created_at') }}

),

rule_days as (

    select
        rules.tenant_id,
        rules.rule_category as subject_name,
        raised.stat_date,
        count(*) as fired_rules,
        sum(raised.alerts) as raised_alerts,
        sum(raised.critical_alerts) as critical_alerts
    from raised
    inner join rules
        on rules.monitor_rule_id = raised.monitor_rule_id
    group by rules.tenant_id, rules.rule_category, raised.stat_date

),

subjects as (

    select
        tenant_id,
        stat_date,
        'metric' as subject_type,
        subject_name,
        metric_type,
        time_window,
        samples,
        value_sum,
        avg_value,
        min_value,
        max_value,
        p95_value,
        null as probes,
        null as healthy_probes,
        null as degraded_probes,
        null as unhealthy_probes,
        null as unknown_probes,
        null as healthy_pct,
        null as fired_rules,
        null as raised_alerts,
        null as critical_alerts
    from metric_days

    union all

    select
        tenant_id,
        stat_date,
        'health_check' as subject_type,
        {{ by_code_point('subject_name') }} as subject_name,
        null as metric_type,
        null as time_window,
        null as samples,
        null as value_sum,
        null as avg_value,
        null as min_value,
        null as max_value,
        null as p95_value,
        probes,
        healthy_probes,
        degraded_probes,
        unhealthy_probes,
        unknown_probes,
        healthy_pct,
        null as fired_rules,
        null as raised_alerts,
        null as critical_alerts
    from probe_days

    union all

    select
        tenant_id,
        stat_date,
        'monitor_rule' as subject_type,
        {{ by_code_point('subject_name') }} as subject_name,
        null as metric_type,
        null as time_window,
        null as samples,
        null as value_sum,
        null as avg_value,
        null as min_value,
        null as max_value,
        null as p95_value,
        null as probes,
        null as healthy_probes,
        null as degraded_probes,
        null as unhealthy_probes,
        null as unknown_probes,
        null as healthy_pct,
        fired_rules,
        raised_alerts,
        critical_alerts
    from rule_days

)

select
    {{ row_id(['tenant_id', 'subject_type', 'subject_name', 'metric_type', 'time_window', 'stat_date']) }}
        as platform_health_id,
    coalesce(tenant_id, 'platform') as scope_id,
    tenant_id,
    stat_date,
    subject_type,
    subject_name,
    metric_type,
    time_window,
    samples,
    value_sum,
    avg_value,
    min_value,
    max_value,
    p95_value,
    probes,
    healthy_probes,
    degraded_probes,
    unhealthy_probes,
    unknown_probes,
    healthy_pct,
    fired_rules,
    raised_alerts,
    critical_alerts
from subjects
