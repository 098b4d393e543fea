-- One row per device: how it has measured since it was registered, and the quality of what it logged
-- in the last 30 days, as_of's day included. Thresholds are held against exact figures, not the rounded
-- ones shown. Counts may be summed over devices; the rate, the score and the rating not.
{{ config(materialized='table', primary_key=['device_id'], indexes=[['tenant_id', 'performance_rating']]) }}

with devices as (

    select
        device_id,
        tenant_id,
        device_type,
        status,
        coalesce(total_measurements, 0) as total_measurements,
        coalesce(successful_measurements, 0) as successful_measurements,
        coalesce(error_count, 0) as error_count
    from {{ ref('stg_health__devices') }}

),

scored_logs as (

    select
        device_id,
        {{ device_log_quality('data_quality') }} as quality
    from {{ ref('stg_health__device_logs') }}
    where created_at >= {{ add_days(as_of_date(), -29) }}
        and created_at < {{ add_days(as_of_date(), 1) }}

),

log_figures as (

    select
        device_id,
        sum(quality) as quality_sum,
        count(quality) as rated_logs
    from scored_logs
    group by device_id

),

inputs as (

    select
        devices.*,
        log_figures.quality_sum,
        coalesce(log_figures.rated_logs, 0) as rated_logs
    from devices
    left join log_figures
        on log_figures.device_id = devices.device_id

)

select
    device_id,
    tenant_id,
    device_type,
    status,
    total_measurements,
    successful_measurements,
    error_count,
    {{ percentage('successful_measurements', 'total_measurements') }} as success_rate_pct,
    rated_logs,
    {{ exact_divide('quality_sum', 'rated_logs', 2) }} as data_quality_score,
    case
        when total_measurements = 0 then 'no_data'
        when
            100 * successful_measurements >= 95 * total_measurements
            and quality_sum >= 80 * rated_logs
            then 'excellent'
        when
            100 * successful_measurements >= 90 * total_measurements
            and quality_sum >= 70 * rated_logs
            then 'good'
        when
            100 * successful_measurements >= 80 * total_measurements
            and quality_sum >= 60 * rated_logs
            then 'fair'
        else 'poor'
    end as performance_rating
from inputs
