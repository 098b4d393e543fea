-- One row per tenant and business day on which an order was placed: how far these orders had come when the
-- row was last built, 60 days of them at every build. Each stage is part of the one before it: an order
-- has reached it when its own time or a later stage's is set. Counts may be summed over tenants and days,
-- never over stages; medians may not be summed at all.
{{ config(window_column='stat_date', lookback_days=60) }}

with orders as (

    select
        tenant_id,
        {{ business_date('ordered_at') }} as stat_date,
        ordered_at,
        paid_at,
        confirmed_at,
        assigned_at,
        service_started_at,
        completed_at
    from {{ ref('stg_business__orders') }}
    where ordered_at >= {{ window_start() }}
        and ordered_at < {{ window_end() }}

),

-- a rescheduled order may pass a stage a second time, after the one that follows it: that is no duration
steps as (

    select
        tenant_id,
        stat_date,
        coalesce(paid_at, confirmed_at, assigned_at, service_started_at, completed_at) as reached_paid,
        coalesce(confirmed_at, assigned_at, service_started_at, completed_at) as reached_confirmed,
        coalesce(assigned_at, service_started_at, completed_at) as reached_assigned,
        coalesce(service_started_at, completed_at) as reached_started,
        completed_at as reached_completed,
        case when paid_at >= ordered_at then {{ minutes_between('ordered_at', 'paid_at') }} end
            as placed_to_paid_minutes,
        case when confirmed_at >= paid_at then {{ minutes_between('paid_at', 'confirmed_at') }} end
            as paid_to_confirmed_minutes,
        case when assigned_at >= confirmed_at then {{ minutes_between('confirmed_at', 'assigned_at') }} end
            as confirmed_to_assigned_minutes,
        case
            when service_started_at >= assigned_at
                then {{ minutes_between('assigned_at', 'service_started_at') }}
        end as assigned_to_started_minutes,
        case
            when completed_at >= service_started_at
                then {{ minutes_between('service_started_at', 'completed_at') }}
        end as started_to_completed_minutes
    from orders

),

ranked_steps as (

    select
        steps.*,
        {{ percentile_columns('placed_to_paid_minutes', ['tenant_id', 'stat_date']) }},
        {{ percentile_columns('paid_to_confirmed_minutes', ['tenant_id', 'stat_date']) }},
        {{ percentile_columns('confirmed_to_assigned_minutes', ['tenant_id', 'stat_date']) }},
        {{ percentile_columns('assigned_to_started_minutes', ['tenant_id', 'stat_date']) }},
        {{ percentile_columns('started_to_completed_minutes', ['tenant_id', 'stat_date']) }}
    from steps

)

select
    tenant_id,
    stat_date,
    count(*) as placed_orders,
    count(reached_paid) as paid_orders,
    count(reached_confirmed) as confirmed_orders,
    count(reached_assigned) as assigned_orders,
    count(reached_started) as started_orders,
    count(reached_completed) as completed_orders,
    {{ percentile('placed_to_paid_minutes', 50) }} as p50_placed_to_paid_minutes,
    {{ percentile('paid_to_confirmed_minutes', 50) }} as p50_paid_to_confirmed_minutes,
    {{ percentile('confirmed_to_assigned_minutes', 50) }} as p50_confirmed_to_assigned_minutes,
    {{ percentile('assigned_to_started_minutes', 50) }} as p50_assigned_to_started_minutes,
    {{ percentile('started_to_completed_minutes', 50) }} as p50_started_to_completed_minutes
from ranked_steps
group by
    tenant_id,
    stat_date
