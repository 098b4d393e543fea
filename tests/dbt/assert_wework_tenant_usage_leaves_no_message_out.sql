-- Messages of a tenant without any account have no row to be counted in. Partitioned tables have no
-- foreign keys, so only this count shows them; the connector's fault, hence a warning.
{{ config(severity='warn', store_failures=true) }}

select
    tenant_id,
    count(*) as messages
from {{ ref('stg_wework__message_records') }}
where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
    and created_at < {{ as_of_date() }}
    and tenant_id not in (select tenant_id from {{ ref('stg_wework__accounts') }})
group by tenant_id
