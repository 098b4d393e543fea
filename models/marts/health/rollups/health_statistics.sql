-- One row per tenant with a patient or device and closed period: day, week from Monday, month or year;
-- stat_date is the period's first day. Kinds of periods overlap: never sum over stat_type. Totals and
-- devices are stocks, active_patients distinct people and the last four means: not to be summed
-- over periods either. The rest may be summed over periods of one kind, and all counts over tenants.
{{ config(
    window_column='stat_date',
    window_rows='rows_of_closed_periods',
    stamped=true,
    grain=['tenant_id', 'stat_date', 'stat_type']
) }}

{#- every row that a figure of these periods needs lies between these two days -#}
{%- set span = closed_days() -%}
{%- set first_day = "date '" ~ span.first ~ "'" -%}
{%- set end_day = "date '" ~ span.end ~ "'" -%}
{%- set counted_day = last_counted_day(span.first) %}

with patients as (

    select
        patient_id,
        tenant_id,
        created_at
    from {{ ref('stg_health__patients') }}

),

devices as (

    select
        device_id,
        tenant_id,
        created_at
    from {{ ref('stg_health__devices') }}

),

owners as (

    select
        tenant_id,
        created_at
    from patients

    union all

    select
        tenant_id,
        created_at
    from devices

),

first_owners as (

    select
        tenant_id,
        min(created_at) as created_at
    from owners
    group by tenant_id

),

-- where core does not know the tenant, or is switched off, it begins with its first patient or device
tenants as (

    select
        first_owners.tenant_id,
        cast(coalesce(core_tenants.created_at, first_owners.created_at) as date) as first_day
    from first_owners
    left join {{ ref('stg_core__tenants') }} as core_tenants
        on core_tenants.tenant_id = first_owners.tenant_id

),

-- distinct keeps MySQL from making the days anew at each of their uses
days as (

    select distinct spine.date_day
    from (
        {{ day_spine(
            '(select ' ~ greatest_of([week_start(year_start('min(first_day)')), first_day]) ~ ' from tenants)',
            add_days(end_day, -1)
        ) }}
    ) as spine

),

period_days as (

    select distinct
        days_of_periods.date_day,
        days_of_periods.stat_type,
        days_of_periods.stat_date,
        days_of_periods.next_date
    from ({{ days_of_closed_periods('days') }}) as days_of_periods

),

periods as (

    select
        stat_type,
        stat_date,
        max(next_date) as next_date
    from period_days
    group by
        stat_type,
        stat_date

),

tenant_periods as (

    select
        tenants.tenant_id,
        periods.stat_type,
        periods.stat_date,
        periods.next_date
    from tenants
    inner join periods
        on periods.next_date > tenants.first_day

),

-- stocks: what was added, by day, and a running total that is read at each period's end

patient_additions as (

    select
        tenant_id,
        {{ business_date('created_at') }} as date_day,
        count(*) as new_patients
    from patients
    group by
        tenant_id,
        {{ business_date('created_at') }}

),

device_additions as (

    select
        tenant_id,
        {{ business_date('created_at') }} as date_day,
        count(*) as new_devices
    from devices
    group by
        tenant_id,
        {{ business_date('created_at') }}

),

record_days as (

    select
        tenant_id,
        {{ business_date('created_at') }} as date_day,
        count(*) as new_records,
        {{ count_if("risk_level in ('high', 'critical')") }} as abnormal_records
    from {{ ref('stg_health__records') }}
    where created_at >= {{ add_days(counted_day, 1) }}
        and created_at < {{ end_day }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

),

counted_records as (

    select
        tenant_id,
        total_records
    from {{ this }}
    where stat_type = 'daily'
        and stat_date = {{ counted_day }}

),

-- a tenant without a total so far is counted once, by the index on its id
uncounted_tenants as (

    select tenants.tenant_id
    from tenants
    left join counted_records
        on counted_records.tenant_id = tenants.tenant_id
    where counted_records.tenant_id is null

),

earlier_records as (

    select
        tenant_id,
        (
            select count(*)
            from {{ ref('stg_health__records') }} as records
            where records.tenant_id = uncounted_tenants.tenant_id
                and records.created_at < {{ add_days(counted_day, 1) }}
        ) as total_records
    from uncounted_tenants

),

additions as (

    select
        tenant_id,
        date_day,
        new_patients,
        0 as new_devices,
        0 as new_records
    from patient_additions

    union all

    select
        tenant_id,
        date_day,
        0 as new_patients,
        new_devices,
        0 as new_records
    from device_additions

    union all

    select
        tenant_id,
        date_day,
        0 as new_patients,
        0 as new_devices,
        new_records
    from record_days

    union all

    select
        tenant_id,
        {{ counted_day }} as date_day,
        0 as new_patients,
        0 as new_devices,
        total_records as new_records
    from counted_records

    union all

    select
        tenant_id,
        {{ counted_day }} as date_day,
        0 as new_patients,
        0 as new_devices,
        total_records as new_records
    from earlier_records

),

-- a period's end comes before what is added on the day after it
stock_points as (

    select
        tenant_id,
        date_day,
        1 as is_addition,
        null as stat_type,
        null as stat_date,
        new_patients,
        new_devices,
        new_records
    from additions

    union all

    select
        tenant_id,
        next_date as date_day,
        0 as is_addition,
        stat_type,
        stat_date,
        0 as new_patients,
        0 as new_devices,
        0 as new_records
    from tenant_periods

),

stocks as (

    select
        tenant_id,
        is_addition,
        stat_type,
        stat_date,
        sum(new_patients) over (
            partition by tenant_id
            order by date_day, is_addition
            rows between unbounded preceding and current row
        ) as total_patients,
        sum(new_devices) over (
            partition by tenant_id
            order by date_day, is_addition
            rows between unbounded preceding and current row
        ) as total_devices,
        sum(new_records) over (
            partition by tenant_id
            order by date_day, is_addition
            rows between unbounded preceding and current row
        ) as total_records
    from stock_points

),

-- flows: by day first, then summed into the periods that the day lies in

alert_days as (

    select
        tenant_id,
        {{ business_date('triggered_at') }} as date_day,
        count(*) as total_alerts,
        {{ count_if("alert_level in ('critical', 'emergency')") }} as critical_alerts,
        {{ count_if("status = 'false_positive'") }} as false_alerts
    from {{ ref('stg_health__alerts') }}
    where triggered_at >= {{ first_day }}
        and triggered_at < {{ end_day }}
    group by
        tenant_id,
        {{ business_date('triggered_at') }}

),

resolution_days as (

    select
        tenant_id,
        {{ business_date('resolved_at') }} as date_day,
        count(*) as resolved_alerts,
        sum({{ seconds_between('triggered_at', 'resolved_at') }}) as resolution_seconds,
        count(triggered_at) as timed_resolutions
    from {{ ref('stg_health__alerts') }}
    where status = 'resolved'
        and resolved_at >= {{ first_day }}
        and resolved_at < {{ end_day }}
    group by
        tenant_id,
        {{ business_date('resolved_at') }}

),

checkup_days as (

    select
        tenant_id,
        checkup_date as date_day,
        count(*) as total_checkups,
        {{ count_if("health_status = 'healthy'") }} as healthy_checkups,
        {{ count_if("health_status in ('abnormal', 'disease_detected', 'critical')") }}
            as abnormal_checkups
    from {{ ref('stg_health__checkup_reports') }}
    where checkup_date >= {{ first_day }}
        and checkup_date < {{ end_day }}
        and report_status <> 'draft'
    group by
        tenant_id,
        checkup_date

),

device_logs as (

    select
        device_id,
        tenant_id,
        {{ business_date('created_at') }} as date_day,
        log_type,
        {{ device_log_quality('data_quality') }} as quality,
        case
            when log_type <> 'measurement' then 0
            when error_code is not null or data_quality = 'invalid' then 0
            else 1
        end as is_sound,
        row_number() over (
            partition by device_id, {{ business_date('created_at') }}
            order by created_at desc, {{ by_code_point('device_log_id') }} desc
        ) as number_from_last
    from {{ ref('stg_health__device_logs') }}
    where created_at >= {{ first_day }}
        and created_at < {{ end_day }}

),

log_days as (

    select
        tenant_id,
        date_day,
        sum(quality) as quality_sum,
        count(quality) as rated_logs,
        sum(is_sound) as sound_measurements,
        {{ count_if("log_type in ('measurement', 'error')") }} as attempted_measurements
    from device_logs
    group by
        tenant_id,
        date_day

),

tenant_days as (

    select
        tenants.tenant_id,
        days.date_day
    from tenants
    cross join days

),

day_figures as (

    select
        tenant_days.tenant_id,
        tenant_days.date_day,
        patient_additions.new_patients,
        record_days.new_records,
        record_days.abnormal_records,
        alert_days.total_alerts,
        alert_days.critical_alerts,
        alert_days.false_alerts,
        resolution_days.resolved_alerts,
        resolution_days.resolution_seconds,
        resolution_days.timed_resolutions,
        checkup_days.total_checkups,
        checkup_days.healthy_checkups,
        checkup_days.abnormal_checkups,
        log_days.quality_sum,
        log_days.rated_logs,
        log_days.sound_measurements,
        log_days.attempted_measurements
    from tenant_days
    left join patient_additions
        on patient_additions.tenant_id = tenant_days.tenant_id
            and patient_additions.date_day = tenant_days.date_day
    left join record_days
        on record_days.tenant_id = tenant_days.tenant_id
            and record_days.date_day = tenant_days.date_day
    left join alert_days
        on alert_days.tenant_id = tenant_days.tenant_id
            and alert_days.date_day = tenant_days.date_day
    left join resolution_days
        on resolution_days.tenant_id = tenant_days.tenant_id
            and resolution_days.date_day = tenant_days.date_day
    left join checkup_days
        on checkup_days.tenant_id = tenant_days.tenant_id
            and checkup_days.date_day = tenant_days.date_day
    left join log_days
        on log_days.tenant_id = tenant_days.tenant_id
            and log_days.date_day = tenant_days.date_day

),

flows as (

    select
        day_figures.tenant_id,
        period_days.stat_type,
        period_days.stat_date,
        coalesce(sum(day_figures.new_patients), 0) as new_patients,
        coalesce(sum(day_figures.new_records), 0) as new_records,
        coalesce(sum(day_figures.abnormal_records), 0) as abnormal_records,
        coalesce(sum(day_figures.total_alerts), 0) as total_alerts,
        coalesce(sum(day_figures.critical_alerts), 0) as critical_alerts,
        coalesce(sum(day_figures.false_alerts), 0) as false_alerts,
        coalesce(sum(day_figures.resolved_alerts), 0) as resolved_alerts,
        coalesce(sum(day_figures.resolution_seconds), 0) as resolution_seconds,
        coalesce(sum(day_figures.timed_resolutions), 0) as timed_resolutions,
        coalesce(sum(day_figures.total_checkups), 0) as total_checkups,
        coalesce(sum(day_figures.healthy_checkups), 0) as healthy_checkups,
        coalesce(sum(day_figures.abnormal_checkups), 0) as abnormal_checkups,
        coalesce(sum(day_figures.quality_sum), 0) as quality_sum,
        coalesce(sum(day_figures.rated_logs), 0) as rated_logs,
        coalesce(sum(day_figures.sound_measurements), 0) as sound_measurements,
        coalesce(sum(day_figures.attempted_measurements), 0) as attempted_measurements
    from day_figures
    inner join period_days
        on period_days.date_day = day_figures.date_day
    group by
        day_figures.tenant_id,
        period_days.stat_type,
        period_days.stat_date

),

-- distinct people, and devices by their last log: these do not add up from days

active_patient_days as (

    select
        tenant_id,
        patient_id,
        {{ business_date('recorded_at') }} as date_day
    from {{ ref('stg_health__records') }}
    where recorded_at >= {{ first_day }}
        and recorded_at < {{ end_day }}

    union distinct

    select
        tenant_id,
        patient_id,
        {{ business_date('measured_at') }} as date_day
    from {{ ref('stg_health__vital_signs') }}
    where measured_at >= {{ first_day }}
        and measured_at < {{ end_day }}

),

active_patients as (

    select
        active_patient_days.tenant_id,
        period_days.stat_type,
        period_days.stat_date,
        count(distinct active_patient_days.patient_id) as active_patients
    from active_patient_days
    inner join period_days
        on period_days.date_day = active_patient_days.date_day
    group by
        active_patient_days.tenant_id,
        period_days.stat_type,
        period_days.stat_date

),

last_logs as (

    select
        device_logs.device_id,
        device_logs.log_type,
        period_days.stat_type,
        period_days.stat_date,
        period_days.next_date,
        row_number() over (
            partition by device_logs.device_id, period_days.stat_type, period_days.stat_date
            order by device_logs.date_day desc
        ) as number_from_last
    from device_logs
    inner join period_days
        on period_days.date_day = device_logs.date_day
    where device_logs.number_from_last = 1

),

device_states as (

    select
        devices.tenant_id,
        last_logs.stat_type,
        last_logs.stat_date,
        {{ count_if("last_logs.log_type <> 'error'") }} as online_devices,
        {{ count_if("last_logs.log_type = 'error'") }} as error_devices
    from last_logs
    inner join devices
        on devices.device_id = last_logs.device_id
            and devices.created_at < last_logs.next_date
    where last_logs.number_from_last = 1
    group by
        devices.tenant_id,
        last_logs.stat_type,
        last_logs.stat_date

)

select
    {{ row_id(['stocks.tenant_id', 'stocks.stat_date', 'stocks.stat_type']) }} as id,
    stocks.tenant_id,
    stocks.stat_date,
    stocks.stat_type,
    stocks.total_patients,
    coalesce(flows.new_patients, 0) as new_patients,
    coalesce(active_patients.active_patients, 0) as active_patients,
    stocks.total_records,
    coalesce(flows.new_records, 0) as new_records,
    coalesce(flows.abnormal_records, 0) as abnormal_records,
    stocks.total_devices,
    coalesce(device_states.online_devices, 0) as online_devices,
    stocks.total_devices
    - coalesce(device_states.online_devices, 0)
    - coalesce(device_states.error_devices, 0) as offline_devices,
    coalesce(device_states.error_devices, 0) as error_devices,
    coalesce(flows.total_alerts, 0) as total_alerts,
    coalesce(flows.critical_alerts, 0) as critical_alerts,
    coalesce(flows.resolved_alerts, 0) as resolved_alerts,
    {{ exact_divide('flows.resolution_seconds', '(3600 * flows.timed_resolutions)', 2) }}
        as avg_resolution_time,
    coalesce(flows.total_checkups, 0) as total_checkups,
    coalesce(flows.healthy_checkups, 0) as healthy_checkups,
    coalesce(flows.abnormal_checkups, 0) as abnormal_checkups,
    {{ exact_divide('flows.quality_sum', 'flows.rated_logs', 2) }} as data_quality_score,
    {{ percentage('flows.sound_measurements', 'flows.attempted_measurements') }} as device_reliability,
    {{ percentage('flows.total_alerts - flows.false_alerts', 'flows.total_alerts') }} as alert_accuracy
from stocks
left join flows
    on flows.tenant_id = stocks.tenant_id
        and flows.stat_type = stocks.stat_type
        and flows.stat_date = stocks.stat_date
left join active_patients
    on active_patients.tenant_id = stocks.tenant_id
        and active_patients.stat_type = stocks.stat_type
        and active_patients.stat_date = stocks.stat_date
left join device_states
    on device_states.tenant_id = stocks.tenant_id
        and device_states.stat_type = stocks.stat_type
        and device_states.stat_date = stocks.stat_date
where stocks.is_addition = 0
