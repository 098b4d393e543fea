-- A row that contradicts itself or the row before it: device states that do not make up the devices, or
-- a total that is not the previous day's and the new ones. A running total that is read twice, or from
-- the wrong period, is plausible in each row and wrong only against its neighbour. Days before the
-- window are left alone: what came late for them is in the totals after them only.
with days as (

    select
        tenant_id,
        stat_date,
        stat_type,
        total_records,
        new_records,
        total_patients,
        new_patients,
        total_devices,
        offline_devices,
        online_devices + offline_devices + error_devices as devices_in_a_state,
        abnormal_records,
        lag(stat_date) over (partition by tenant_id, stat_type order by stat_date) as previous_date,
        lag(total_records) over (partition by tenant_id, stat_type order by stat_date) as previous_records,
        lag(total_patients) over (partition by tenant_id, stat_type order by stat_date) as previous_patients
    from {{ ref('health_statistics') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}

)

select
    tenant_id,
    stat_date,
    stat_type
from days
where devices_in_a_state <> total_devices
    or offline_devices < 0
    or abnormal_records > new_records
    or (
        stat_type = 'daily'
        and previous_date = {{ add_days('stat_date', -1) }}
        and (
            total_records <> previous_records + new_records
            or total_patients <> previous_patients + new_patients
        )
    )
