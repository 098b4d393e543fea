-- One row per tenant across all six domains, as it is now. Stocks and the flows of the last 30 days may be
-- summed over tenants, where nothing is hidden; rates and dates may not. What is told of one to four people
-- is NULL with has_small_cell, and so is what would give them away by subtraction from the platform's total.
{{ config(primary_key=['tenant_id'], indexes=[['status', 'subscription_plan']]) }}

{%- set thirty_days_ago = add_days(as_of_date(), -29) %}

with tenants as (

    select
        tenant_id,
        tenant_code,
        tenant_name,
        tenant_type,
        subscription_plan,
        status,
        user_count,
        last_login_at,
        created_at
    from {{ ref('dim_tenants') }}

),

-- what nobody stands behind may be taken from the days that are shown
recent_days as (

    select
        tenant_id,
        sum(failed_logins) as failed_logins,
        sum(api_calls) as api_calls,
        max(case when stat_date = {{ as_of_date() }} then storage_used_gb end) as storage_used_gb,
        sum(ai_requests) as ai_requests,
        sum(ai_tokens) as ai_tokens,
        sum(ai_cost_cny) as ai_cost_cny,
        sum(ai_conversations) as ai_conversations,
        sum(sent_messages) as sent_messages,
        sum(received_messages) as received_messages,
        sum(failed_messages) as failed_messages,
        sum(account_alerts) as account_alerts,
        sum(placed_orders) as placed_orders,
        sum(cancelled_orders) as cancelled_orders,
        sum(revenue_cny) as revenue_cny
    from {{ ref('tenant_daily') }}
    where stat_date >= {{ thirty_days_ago }}
        and stat_date <= {{ as_of_date() }}
    group by tenant_id

),

agent_counts as (

    select
        tenant_id,
        count(*) as agents
    from {{ ref('stg_ai__agents') }}
    where status <> 'archived'
    group by tenant_id

),

account_counts as (

    select
        tenant_id,
        count(*) as wework_accounts,
        {{ count_if("status = 'ONLINE'") }} as online_accounts
    from {{ ref('dim_wework_accounts') }}
    group by tenant_id

),

patient_counts as (

    select
        tenant_id,
        count(*) as patients
    from {{ ref('stg_health__patients') }}
    where status <> 'archived'
    group by tenant_id

),

device_counts as (

    select
        tenant_id,
        count(*) as devices
    from {{ ref('stg_health__devices') }}
    group by tenant_id

),

record_counts as (

    select
        tenant_id,
        sum(health_records_created) as health_records
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ thirty_days_ago }}
        and usage_date <= {{ as_of_date() }}
    group by tenant_id

),

service_counts as (

    select
        tenant_id,
        count(*) as services
    from {{ ref('stg_business__services') }}
    where status <> 'discontinued'
    group by tenant_id

),

customer_counts as (

    select
        tenant_id,
        count(*) as customers
    from {{ ref('dim_customers') }}
    group by tenant_id

),

buyer_counts as (

    select
        tenant_id,
        count(*) as buyers,
        sum(lifetime_value_cny) as lifetime_value_cny
    from {{ ref('customer_lifetime_value') }}
    where total_orders > 0
    group by tenant_id

),

segment_counts as (

    select
        tenant_id,
        count(*) as active_segments
    from {{ ref('stg_customer__segments') }}
    where is_active
    group by tenant_id

),

figures as (

    select
        tenants.tenant_id,
        tenants.tenant_code,
        tenants.tenant_name,
        tenants.tenant_type,
        tenants.subscription_plan,
        tenants.status,
        {{ business_date('tenants.created_at') }} as created_date,
        tenants.user_count as users,
        tenants.last_login_at,
        coalesce(recent_days.failed_logins, 0) as failed_logins,
        coalesce(recent_days.api_calls, 0) as api_calls,
        coalesce(recent_days.storage_used_gb, 0) as storage_used_gb,
        coalesce(agent_counts.agents, 0) as agents,
        coalesce(recent_days.ai_requests, 0) as ai_requests,
        coalesce(recent_days.ai_tokens, 0) as ai_tokens,
        coalesce(recent_days.ai_cost_cny, 0) as ai_cost_cny,
        coalesce(recent_days.ai_conversations, 0) as ai_conversations,
        coalesce(account_counts.wework_accounts, 0) as wework_accounts,
        coalesce(account_counts.online_accounts, 0) as online_accounts,
        coalesce(recent_days.sent_messages, 0) as sent_messages,
        coalesce(recent_days.received_messages, 0) as received_messages,
        coalesce(recent_days.failed_messages, 0) as failed_messages,
        coalesce(recent_days.account_alerts, 0) as account_alerts,
        coalesce(patient_counts.patients, 0) as patients,
        coalesce(device_counts.devices, 0) as devices,
        coalesce(record_counts.health_records, 0) as health_records,
        coalesce(service_counts.services, 0) as services,
        coalesce(recent_days.placed_orders, 0) as placed_orders,
        coalesce(recent_days.cancelled_orders, 0) as cancelled_orders,
        coalesce(recent_days.revenue_cny, 0) as revenue_cny,
        coalesce(customer_counts.customers, 0) as customers,
        coalesce(buyer_counts.buyers, 0) as buyers,
        coalesce(buyer_counts.lifetime_value_cny, 0) as lifetime_value_cny,
        coalesce(segment_counts.active_segments, 0) as active_segments
    from tenants
    left join recent_days
        on recent_days.tenant_id = tenants.tenant_id
    left join agent_counts
        on agent_counts.tenant_id = tenants.tenant_id
    left join account_counts
        on account_counts.tenant_id = tenants.tenant_id
    left join patient_counts
        on patient_counts.tenant_id = tenants.tenant_id
    left join device_counts
        on device_counts.tenant_id = tenants.tenant_id
    left join record_counts
        on record_counts.tenant_id = tenants.tenant_id
    left join service_counts
        on service_counts.tenant_id = tenants.tenant_id
    left join customer_counts
        on customer_counts.tenant_id = tenants.tenant_id
    left join buyer_counts
        on buyer_counts.tenant_id = tenants.tenant_id
    left join segment_counts
        on segment_counts.tenant_id = tenants.tenant_id

),

cells as (

    select
        figures.*,
        {{ small_cell_columns('users', [], by_code_point('tenant_id')) }},
        {{ small_cell_columns('patients', [], by_code_point('tenant_id')) }},
        {{ small_cell_columns('customers', [], by_code_point('tenant_id')) }},
        {{ small_cell_columns('buyers', [], by_code_point('tenant_id')) }}
    from figures

),

flags as (

    select
        cells.*,
        {{ is_hidden_cell('users') }} as hides_users,
        {{ is_hidden_cell('patients') }} as hides_patients,
        {{ is_hidden_cell('customers') }} as hides_customers,
        -- those who never ordered are the difference of two figures
        {{ is_hidden_cell('buyers') }} or {{ is_small_cell('customers - buyers') }} as hides_buyers
    from cells

)

select
    tenant_id,
    tenant_code,
    tenant_name,
    tenant_type,
    subscription_plan,
    status,
    created_date,
    case when not hides_users then users end as users,
    case when not hides_users then last_login_at end as last_login_at,
    failed_logins as last_30_days_failed_logins,
    api_calls as last_30_days_api_calls,
    storage_used_gb,
    agents,
    ai_requests as last_30_days_ai_requests,
    ai_tokens as last_30_days_ai_tokens,
    ai_cost_cny as last_30_days_ai_cost_cny,
    ai_conversations as last_30_days_ai_conversations,
    wework_accounts,
    online_accounts,
    sent_messages as last_30_days_sent_messages,
    received_messages as last_30_days_received_messages,
    {{ percentage('failed_messages', 'sent_messages') }} as last_30_days_failed_messages_pct,
    account_alerts as last_30_days_account_alerts,
    case when not hides_patients then patients end as patients,
    devices,
    case when not hides_patients and (patients > 0 or health_records = 0) then health_records end
        as last_30_days_health_records,
    services,
    placed_orders as last_30_days_orders,
    {{ percentage('cancelled_orders', 'placed_orders') }} as last_30_days_cancelled_orders_pct,
    revenue_cny as last_30_days_revenue_cny,
    case when not hides_customers then customers end as customers,
    case when not hides_customers and not hides_buyers then buyers end as buyers,
    case when not hides_customers and not hides_buyers then lifetime_value_cny end as lifetime_value_cny,
    active_segments,
    (
        hides_users or hides_patients or hides_customers or hides_buyers or (patients = 0 and health_records > 0)
    ) as has_small_cell
from flags
