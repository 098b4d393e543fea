-- One row per entry of the capacity log. Places of services, variants and slots are counted in different
-- ways: never sum over capacity_type, and leave out notices, which change nothing.
{{ config(materialized='window', window_column='created_at') }}

with capacity_logs as (

    select
        capacity_log_id,
        tenant_id,
        capacity_type,
        capacity_subject_id,
        change_type,
        business_type,
        booking_id,
        customer_id,
        operator_id,
        reference_no,
        change_quantity,
        before_capacity,
        after_capacity,
        service_date,
        agreed_start_time,
        created_at
    from {{ ref('stg_business__capacity_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

variants as (

    select
        variant_id,
        service_id
    from {{ ref('stg_business__variants') }}

),

time_slots as (

    select
        time_slot_id,
        service_id,
        provider_id
    from {{ ref('stg_business__time_slots') }}

)

select
    capacity_logs.capacity_log_id,
    capacity_logs.tenant_id,
    capacity_logs.capacity_type,
    capacity_logs.capacity_subject_id,
    case capacity_logs.capacity_type
        when 'service' then capacity_logs.capacity_subject_id
        when 'variant' then variants.service_id
        when 'time_slot' then time_slots.service_id
    end as service_id,
    time_slots.provider_id,
    {{ business_date('capacity_logs.created_at') }} as change_date,
    capacity_logs.change_type,
    capacity_logs.business_type,
    (
        capacity_logs.change_type = 'adjust'
        and capacity_logs.before_capacity = capacity_logs.after_capacity
    ) as is_notice,
    capacity_logs.booking_id as order_id,
    capacity_logs.customer_id,
    capacity_logs.operator_id,
    capacity_logs.reference_no,
    capacity_logs.change_quantity,
    capacity_logs.before_capacity,
    capacity_logs.after_capacity,
    capacity_logs.after_capacity - capacity_logs.before_capacity as free_places_change,
    capacity_logs.service_date,
    capacity_logs.agreed_start_time,
    {{ days_between('capacity_logs.created_at', 'capacity_logs.service_date') }} as notice_days,
    capacity_logs.created_at
from capacity_logs
left join variants
    on variants.variant_id = capacity_logs.capacity_subject_id
        and capacity_logs.capacity_type = 'variant'
left join time_slots
    on time_slots.time_slot_id = capacity_logs.capacity_subject_id
        and capacity_logs.capacity_type = 'time_slot'
