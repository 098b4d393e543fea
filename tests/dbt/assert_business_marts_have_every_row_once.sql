-- Services, providers, orders, lines and payments of closed days stand in their marts with their tenant,
-- and nothing else does: what is joined to them must neither double nor drop one.
{%- set pairs = [
    ('dim_services', 'stg_business__services', 'service_id'),
    ('dim_service_providers', 'stg_business__providers', 'provider_id'),
    ('fct_orders', 'stg_business__orders', 'order_id'),
    ('fct_order_items', 'stg_business__order_items', 'order_item_id'),
    ('fct_payments', 'stg_business__payments', 'payment_id'),
] %}

with both_sides as (

    {%- for mart, staging, key in pairs %}
    {%- for side, relation, sign in [('mart', mart, 1), ('source', staging, -1)] %}
    {{ 'union all' if not (loop.first and mart == 'dim_services') }}
    select
        '{{ mart }}' as mart,
        {{ key }} as entity_id,
        tenant_id,
        {{ sign }} as mart_rows
    from {{ ref(relation) }}
    where created_at < {{ as_of_date() }}
    {%- endfor %}
    {%- endfor %}

)

select
    mart,
    entity_id,
    tenant_id,
    sum(mart_rows) as rows_too_many
from both_sides
group by mart, entity_id, tenant_id
having sum(mart_rows) <> 0
