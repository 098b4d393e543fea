-- Every closed day that a build touches has as many messages per tenant as the source. Keys and
-- relationships would not notice a dropped day, a window cut in the wrong zone or a filter too many.
with counted as (

    select
        tenant_id,
        message_date,
        count(*) as mart_rows,
        0 as source_rows
    from {{ ref('fct_messages') }}
    where created_at >= {{ add_days(as_of_date(), -7) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, message_date

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as message_date,
        0 as mart_rows,
        count(*) as source_rows
    from {{ ref('stg_wework__message_records') }}
    where created_at >= {{ add_days(as_of_date(), -7) }}
        and created_at < {{ as_of_date() }}
    group by tenant_id, {{ business_date('created_at') }}

)

select
    tenant_id,
    message_date,
    sum(mart_rows) as mart_rows,
    sum(source_rows) as source_rows
from counted
group by tenant_id, message_date
having sum(mart_rows) <> sum(source_rows)
