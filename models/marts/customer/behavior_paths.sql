-- One row per tenant and path, for the fifty most walked of each tenant: the first five behaviour codes
-- of a session that began in the last 30 days. Sessions may be summed over a tenant's rows, which are not
-- all of its sessions; a customer walks many paths, so that customers may not.
{{ config(primary_key=['tenant_id', 'path_rank']) }}

{%- set steps_shown = 5 -%}
{%- set paths_shown = 50 -%}

with steps as (

    select
        tenant_id,
        customer_id,
        session_id,
        sequence_number,
        behavior_id
    from {{ ref('customer_behavior_sequences') }}
    where event_time >= {{ add_days(as_of_date(), -29) }}
        and event_time < {{ add_days(as_of_date(), 1) }}
        and sequence_number <= {{ steps_shown }}

),

behaviors as (

    select
        behavior_id,
        behavior_code
    from {{ ref('stg_customer__behavior_definitions') }}

),

-- a session that began earlier shows its later steps only
sessions as (

    select
        steps.tenant_id,
        steps.customer_id,
        count(*) as step_count,
        {{ string_agg_ordered('behaviors.behavior_code', ' > ', order_by='steps.sequence_number') }} as path
    from steps
    inner join behaviors
        on behaviors.behavior_id = steps.behavior_id
    group by
        steps.tenant_id,
        steps.customer_id,
        {{ by_code_point('steps.session_id') }}
    having min(steps.sequence_number) = 1

),

paths as (

    select
        tenant_id,
        {{ by_code_point('path') }} as path,
        max(step_count) as step_count,
        count(*) as sessions,
        count(distinct customer_id) as customers
    from sessions
    group by
        tenant_id,
        {{ by_code_point('path') }}

),

ranked_paths as (

    select
        paths.*,
        row_number() over (
            partition by tenant_id
            order by sessions desc, {{ by_code_point('path') }}
        ) as path_rank,
        sum(sessions) over (partition by tenant_id) as tenant_sessions
    from paths

)

select
    tenant_id,
    path_rank,
    path,
    step_count,
    sessions,
    {{ percentage('sessions', 'tenant_sessions') }} as sessions_pct,
    customers
from ranked_paths
where path_rank <= {{ paths_shown }}
