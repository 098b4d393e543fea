-- Closed days that a build touches on which measurements are missing or counted twice, on which the probes'
-- four verdicts do not sum to the probes, or on which more rules fired than alerts were raised.
with figures as (
    select
        stat_date,
        coalesce(sum(samples), 0) as samples,
        0 as source_samples,
        {{ count_if(
            'probes <> healthy_probes + degraded_probes + unhealthy_probes + unknown_probes'
            ' or fired_rules > raised_alerts or critical_alerts > raised_alerts'
        ) }} as wrong_rows
    from {{ ref('platform_health_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and stat_date < {{ as_of_date() }}
    group by stat_date

    union all

    select
        {{ business_date('recorded_at') }} as stat_date,
        0 as samples,
        count(*) as source_samples,
        0 as wrong_rows
    from {{ ref('stg_core__system_metrics') }}
    where recorded_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
        and recorded_at < {{ as_of_date() }}
    group by {{ business_date('recorded_at') }}
)

select
    stat_date,
    sum(samples) as samples,
    sum(source_samples) as source_samples,
    sum(wrong_rows) as wrong_rows
from figures
group by stat_date
having sum(samples) <> sum(source_samples)
    or sum(wrong_rows) > 0
