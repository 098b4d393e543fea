-- One row per change of a customer's lifecycle stage, without the note about the person. Days in the new
-- stage grow while it lasts, and a customer's own rows follow each other: add neither days_in_stage nor
-- old_stage_days to the other.
{{ config(
    primary_key=['lifecycle_change_id'],
    indexes=[['customer_id', 'changed_at'], ['tenant_id', 'change_date']]
) }}

with changes as (

    select
        lifecycle_change_id,
        tenant_id,
        customer_id,
        old_stage,
        new_stage,
        trigger_event,
        operator_type,
        operator_id,
        stage_duration_days,
        created_at,
        row_number() over (
            partition by customer_id
            order by created_at, {{ by_code_point('lifecycle_change_id') }}
        ) as change_number,
        lead(created_at) over (
            partition by customer_id
            order by created_at, {{ by_code_point('lifecycle_change_id') }}
        ) as next_changed_at
    from {{ ref('stg_customer__lifecycle_history') }}
    where created_at <= {{ as_of() }}

)

select
    lifecycle_change_id,
    tenant_id,
    customer_id,
    change_number,
    {{ business_date('created_at') }} as change_date,
    old_stage,
    new_stage,
    trigger_event,
    operator_type,
    operator_id,
    stage_duration_days as old_stage_days,
    next_changed_at,
    next_changed_at is null as is_current,
    {{ days_between('created_at', 'coalesce(next_changed_at, ' ~ as_of() ~ ')') }} as days_in_stage,
    created_at as changed_at
from changes
