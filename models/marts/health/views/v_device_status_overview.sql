-- One row per device. The logs of the last 7 days are counted per device from its index, so that one
-- tenant's question never counts the others'. Counts may be summed over devices, the rate may not.

with devices as (

    select
        device_id,
        tenant_id,
        device_name,
        device_type,
        status,
        assigned_patient_id,
        battery_level_pct,
        last_online_at,
        coalesce(total_measurements, 0) as total_measurements,
        coalesce(successful_measurements, 0) as successful_measurements,
        coalesce(error_count, 0) as error_count,
        needs_calibration,
        last_calibration_at
    from {{ ref('stg_health__devices') }}

)

select
    devices.device_id as id,
    devices.tenant_id,
    devices.device_name,
    devices.device_type,
    devices.status,
    devices.assigned_patient_id,
    patients.patient_name,
    devices.battery_level_pct as battery_level,
    devices.last_online_at,
    devices.total_measurements,
    devices.successful_measurements,
    devices.error_count,
    {{ percentage('devices.successful_measurements', 'devices.total_measurements', when_empty=0) }}
        as success_rate,
    devices.needs_calibration,
    devices.last_calibration_at,
    (
        select count(*)
        from {{ ref('stg_health__device_logs') }} as logs
        where logs.tenant_id = devices.tenant_id
            and logs.device_id = devices.device_id
            and logs.created_at >= {{ add_days(as_of_date(), -6) }}
            and logs.created_at < {{ add_days(as_of_date(), 1) }}
    ) as recent_logs
from devices
left join {{ ref('stg_health__patients') }} as patients
    on patients.patient_id = devices.assigned_patient_id
