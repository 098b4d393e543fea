-- One row per customer and tag ever assigned, in its present state: a tag that comes back reuses its row, so
-- earlier spells are not here. Values and notes about the person are left out. Do not sum over tags to
-- count customers, who carry several.
{{ config(
    primary_key=['tag_assignment_id'],
    indexes=[['customer_id', 'tag_id'], ['tag_id', 'assigned_date'], ['tenant_id', 'assigned_date']]
) }}

with assignments as (

    select
        tag_assignment_id,
        tenant_id,
        customer_id,
        tag_id,
        assign_type,
        assigned_by,
        status,
        tag_score,
        confidence,
        assigned_at,
        expires_at,
        last_verified_at
    from {{ ref('stg_customer__tag_assignments') }}

),

definitions as (

    select
        tag_id,
        tag_code,
        tag_name,
        category,
        tag_type
    from {{ ref('stg_customer__tag_definitions') }}

)

select
    assignments.tag_assignment_id,
    assignments.tenant_id,
    assignments.customer_id,
    assignments.tag_id,
    definitions.tag_code,
    definitions.tag_name,
    definitions.category as tag_category,
    definitions.tag_type,
    {{ business_date('assignments.assigned_at') }} as assigned_date,
    assignments.assign_type,
    assignments.assigned_by,
    assignments.status,
    (
        assignments.status = 'active'
        and (assignments.expires_at is null or assignments.expires_at > {{ as_of() }})
    ) as is_in_force,
    assignments.tag_score,
    assignments.confidence,
    assignments.assigned_at,
    assignments.expires_at,
    assignments.last_verified_at
from assignments
left join definitions
    on definitions.tag_id = assignments.tag_id
