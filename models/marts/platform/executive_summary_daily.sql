-- One row per business day since the first tenant's, over all tenants and domains, each measure of money and
-- volume beside its change against the same weekday a week earlier. Flows may be summed over days; tenants
-- are a stock, people active on a day come back, and changes are rates: none of these may be summed. Figures
-- of one to four people are NULL with has_small_cell. The running day is incomplete, its changes too.
{{ config(materialized='window', window_column='stat_date', lookback_days=14) }}

{#- money and volume, of which tenant_daily hides nothing -#}
{%- set measures = [
    'api_calls', 'ai_requests', 'ai_tokens', 'ai_cost_cny', 'ai_conversations', 'sent_messages',
    'received_messages', 'failed_messages', 'account_alerts', 'placed_orders', 'cancelled_orders', 'revenue_cny',
] %}
{%- set compared = ['ai_requests', 'ai_cost_cny', 'sent_messages', 'placed_orders', 'revenue_cny'] %}

with tenant_days as (

    select
        tenant_id,
        stat_date,
        {{ measures | join(',\n        ') }}
    from {{ ref('tenant_daily') }}
    where stat_date >= {{ add_days(window_start(), -7) }}
        and stat_date < {{ window_end() }}

),

measure_days as (

    select
        stat_date,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        count(*) as tenants,
        {{ count_if('api_calls + sent_messages + received_messages + placed_orders > 0') }} as active_tenants
    from tenant_days
    group by stat_date

),

-- people are counted where nothing is hidden yet
usage_days as (

    select
        usage_date as stat_date,
        sum(active_users) as active_users,
        sum(health_patients_active) as active_patients,
        sum(health_records_created) as health_records
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ window_start() }}
        and usage_date < {{ window_end() }}
    group by usage_date

),

customer_days as (

    select
        {{ business_date('customers.created_at') }} as stat_date,
        count(*) as new_customers
    from {{ ref('stg_customer__customers') }} as customers
    inner join {{ ref('stg_core__tenants') }} as tenants
        on tenants.tenant_id = customers.tenant_id
    where customers.created_at >= {{ window_start() }}
        and customers.created_at < {{ window_end() }}
        and customers.created_at >= {{ day_start(business_date('tenants.created_at')) }}
    group by {{ business_date('customers.created_at') }}

),

figures as (

    select
        measure_days.*,
        coalesce(usage_days.active_users, 0) as active_users,
        coalesce(usage_days.active_patients, 0) as active_patients,
        coalesce(usage_days.health_records, 0) as health_records,
        coalesce(customer_days.new_customers, 0) as new_customers
    from measure_days
    left join usage_days
        on usage_days.stat_date = measure_days.stat_date
    left join customer_days
        on customer_days.stat_date = measure_days.stat_date
    where measure_days.stat_date >= {{ window_start() }}

)

select
    figures.stat_date,
    figures.tenants,
    figures.active_tenants,
    case when not {{ is_small_cell('figures.active_users') }} then figures.active_users end as active_users,
    {%- for measure in measures %}
    figures.{{ measure }},
    {%- endfor %}
    {%- for measure in compared %}
    {{ percentage('figures.' ~ measure ~ ' - week_before.' ~ measure, 'week_before.' ~ measure) }}
        as {{ measure | replace('_cny', '') }}_change_pct,
    {%- endfor %}
    case when not {{ is_small_cell('figures.active_patients') }} then figures.active_patients end
        as active_patients,
    case
        when not {{ is_small_cell('figures.active_patients') }}
            and (figures.active_patients > 0 or figures.health_records = 0)
            then figures.health_records
    end as health_records,
    case when not {{ is_small_cell('figures.new_customers') }} then figures.new_customers end as new_customers,
    (
        {{ is_small_cell('figures.active_users') }}
        or {{ is_small_cell('figures.active_patients') }}
        or {{ is_small_cell('figures.new_customers') }}
        or (figures.active_patients = 0 and figures.health_records > 0)
    ) as has_small_cell
from figures
left join measure_days as week_before
    on week_before.stat_date = {{ add_days('figures.stat_date', -7) }}
