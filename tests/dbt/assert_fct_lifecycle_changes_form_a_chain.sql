-- A customer's stages follow each other: numbers without a gap, each change leaving the stage that the one
-- before had entered, and the last one entering the stage that the customer's row shows. The application
-- writes both, so a break is its fault and does not stop a build.
{{ config(severity='warn', store_failures=true) }}

with changes as (

    select
        customer_id,
        change_number,
        old_stage,
        new_stage,
        is_current,
        lag(new_stage) over (partition by customer_id order by change_number) as stage_before,
        lag(change_number) over (partition by customer_id order by change_number) as number_before
    from {{ ref('fct_lifecycle_changes') }}

)

select
    changes.customer_id,
    changes.change_number
from changes
left join {{ ref('dim_customers') }} as customers
    on customers.customer_id = changes.customer_id
where changes.change_number <> coalesce(changes.number_before, 0) + 1
    or (changes.stage_before is not null and changes.old_stage <> changes.stage_before)
    or (changes.is_current and changes.new_stage <> customers.lifecycle_stage)
