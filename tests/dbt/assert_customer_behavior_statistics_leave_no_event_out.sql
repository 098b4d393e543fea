-- Events of customers or behaviours that nobody knows have no row to be counted in: foreign keys refuse
-- one. No key stands behind the partitioned source, so only this count shows them; the tracker's fault,
-- hence a warning.
{{ config(severity='warn', store_failures=true) }}

select
    tenant_id,
    {{ count_if('not is_known_customer') }} as events_of_unknown_customers,
    {{ count_if('not is_known_behavior') }} as events_of_unknown_behaviors
from (
    select
        tenant_id,
        customer_id in (select customer_id from {{ ref('stg_customer__customers') }})
            as is_known_customer,
        behavior_id in (select behavior_id from {{ ref('stg_customer__behavior_definitions') }})
            as is_known_behavior
    from {{ ref('stg_customer__behavior_events') }}
    where occurred_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and occurred_at < {{ as_of_date() }}
) as events
where not is_known_customer
    or not is_known_behavior
group by tenant_id
