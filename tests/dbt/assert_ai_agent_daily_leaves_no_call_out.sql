-- A call that names no agent has no row to be counted in. The application lets agent_id be empty, so only
-- this count shows how many there are; the gateway's fault, hence a warning.
{{ config(severity='warn', store_failures=true) }}

select
    tenant_id,
    count(*) as calls
from {{ ref('stg_ai__call_logs') }}
where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
    and created_at < {{ as_of_date() }}
    and agent_id is null
group by tenant_id
