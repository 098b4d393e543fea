{#- A query of the tenants' business days in the window: one row per tenant that core knows and day, from the
    tenant's created day on, columns tenant_id, stat_date. The spine of what counts every day of a tenant. -#}
{% macro tenant_days() -%}
with tenant_spans as (

    select
        tenant_id,
        {{ greatest_of([business_date('created_at'), window_start()]) }} as first_day
    from {{ ref('stg_core__tenants') }}
    where created_at < {{ day_start(add_days(window_last_day(), 1)) }}

),

days as (

    select spine.date_day
    from ({{ day_spine('(select min(first_day) from tenant_spans)', window_last_day()) }}) as spine

)

select
    tenant_spans.tenant_id,
    days.date_day as stat_date
from tenant_spans
inner join days
    on days.date_day >= tenant_spans.first_day
{%- endmacro %}
