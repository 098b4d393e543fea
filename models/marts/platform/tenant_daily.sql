-- One row per tenant and business day since the tenant's created day, over all six domains. Flows may be
-- summed over tenants and days; stocks (storage, online accounts, patients) not over days, and people active
-- on a day not at all: the same ones come back. What is told of one to four people is NULL with
-- has_small_cell, and so is what would give them away by subtraction from the day's total over tenants.
-- Orders are cancelled and refunded for days: two weeks are rebuilt.
{{ config(materialized='window', window_column='stat_date', lookback_days=14) }}

with tenant_days as (

    select
        spine.tenant_id,
        spine.stat_date
    from ({{ tenant_days() }}) as spine

),

usage_days as (

    select
        tenant_id,
        usage_date as stat_date,
        active_users,
        api_calls,
        storage_used_gb,
        ai_requests,
        ai_tokens_consumed,
        ai_cost,
        ai_conversations,
        health_records_created,
        health_patients_active
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ window_start() }}
        and usage_date < {{ window_end() }}

),

security_days as (

    select
        tenant_id,
        stat_date,
        failed_attempts + blocked_attempts + suspended_attempts as failed_logins
    from {{ ref('saas_security_daily') }}
    where stat_date >= {{ window_start() }}
        and stat_date < {{ window_end() }}

),

wework_days as (

    select
        tenant_id,
        stat_date,
        online_accounts,
        sent_messages,
        received_messages,
        failed_messages,
        total_alerts
    from {{ ref('wework_tenant_usage') }}
    where stat_date >= {{ window_start() }}
        and stat_date < {{ window_end() }}

),

-- closed days only: the running day's are not known yet
health_days as (

    select
        tenant_id,
        stat_date,
        total_patients,
        total_alerts,
        total_checkups
    from {{ ref('health_statistics') }}
    where stat_type = 'daily'
        and stat_date >= {{ window_start() }}
        and stat_date < {{ window_end() }}

),

order_days as (

    select
        tenant_id,
        {{ business_date('ordered_at') }} as stat_date,
        count(*) as placed_orders,
        {{ count_if("order_status = 'cancelled'") }} as cancelled_orders,
        {{ sum_if('total_amount_cny', "order_status not in ('cancelled', 'refunded')") }} as revenue_cny
    from {{ ref('stg_business__orders') }}
    where ordered_at >= {{ window_start() }}
        and ordered_at < {{ window_end() }}
    group by
        tenant_id,
        {{ business_date('ordered_at') }}

),

customer_days as (

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        count(*) as new_customers
    from {{ ref('stg_customer__customers') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

),

behavior_days as (

    select
        tenant_id,
        {{ business_date('occurred_at') }} as stat_date,
        count(*) as behavior_events,
        count(distinct customer_id) as active_customers
    from {{ ref('fct_behavior_events') }}
    where occurred_at >= {{ window_start() }}
        and occurred_at < {{ window_end() }}
    group by
        tenant_id,
        {{ business_date('occurred_at') }}

),

figures as (

    select
        tenant_days.tenant_id,
        tenant_days.stat_date,
        coalesce(usage_days.active_users, 0) as active_users,
        coalesce(security_days.failed_logins, 0) as failed_logins,
        coalesce(usage_days.api_calls, 0) as api_calls,
        coalesce(usage_days.storage_used_gb, 0) as storage_used_gb,
        coalesce(usage_days.ai_requests, 0) as ai_requests,
        coalesce(usage_days.ai_tokens_consumed, 0) as ai_tokens,
        coalesce(usage_days.ai_cost, 0) as ai_cost_cny,
        coalesce(usage_days.ai_conversations, 0) as ai_conversations,
        coalesce(wework_days.online_accounts, 0) as online_accounts,
        coalesce(wework_days.sent_messages, 0) as sent_messages,
        coalesce(wework_days.received_messages, 0) as received_messages,
        coalesce(wework_days.failed_messages, 0) as failed_messages,
        coalesce(wework_days.total_alerts, 0) as account_alerts,
        tenant_days.stat_date < {{ as_of_date() }} as is_closed,
        coalesce(health_days.total_patients, 0) as patients,
        coalesce(health_days.total_alerts, 0) as health_alerts,
        coalesce(health_days.total_checkups, 0) as checkups,
        coalesce(usage_days.health_patients_active, 0) as active_patients,
        coalesce(usage_days.health_records_created, 0) as health_records,
        coalesce(order_days.placed_orders, 0) as placed_orders,
        coalesce(order_days.cancelled_orders, 0) as cancelled_orders,
        coalesce(order_days.revenue_cny, 0) as revenue_cny,
        coalesce(customer_days.new_customers, 0) as new_customers,
        coalesce(behavior_days.active_customers, 0) as active_customers,
        coalesce(behavior_days.behavior_events, 0) as behavior_events
    from tenant_days
    left join usage_days
        on usage_days.tenant_id = tenant_days.tenant_id
            and usage_days.stat_date = tenant_days.stat_date
    left join security_days
        on security_days.tenant_id = tenant_days.tenant_id
            and security_days.stat_date = tenant_days.stat_date
    left join wework_days
        on wework_days.tenant_id = tenant_days.tenant_id
            and wework_days.stat_date = tenant_days.stat_date
    left join health_days
        on health_days.tenant_id = tenant_days.tenant_id
            and health_days.stat_date = tenant_days.stat_date
    left join order_days
        on order_days.tenant_id = tenant_days.tenant_id
            and order_days.stat_date = tenant_days.stat_date
    left join customer_days
        on customer_days.tenant_id = tenant_days.tenant_id
            and customer_days.stat_date = tenant_days.stat_date
    left join behavior_days
        on behavior_days.tenant_id = tenant_days.tenant_id
            and behavior_days.stat_date = tenant_days.stat_date

),

cells as (

    select
        figures.*,
        {{ small_cell_columns('active_users', ['stat_date'], by_code_point('tenant_id')) }},
        {{ small_cell_columns('patients', ['stat_date'], by_code_point('tenant_id')) }},
        {{ small_cell_columns('active_patients', ['stat_date'], by_code_point('tenant_id')) }},
        {{ small_cell_columns('new_customers', ['stat_date'], by_code_point('tenant_id')) }},
        {{ small_cell_columns('active_customers', ['stat_date'], by_code_point('tenant_id')) }}
    from figures

),

flags as (

    select
        cells.*,
        {{ is_hidden_cell('active_users') }} as hides_users,
        {{ is_hidden_cell('patients') }} as hides_patients,
        {{ is_hidden_cell('active_patients') }} as hides_active_patients,
        {{ is_hidden_cell('new_customers') }} as hides_new_customers,
        {{ is_hidden_cell('active_customers') }} as hides_active_customers
    from cells

)

select
    tenant_id,
    stat_date,
    case when not hides_users then active_users end as active_users,
    failed_logins,
    api_calls,
    storage_used_gb,
    ai_requests,
    ai_tokens,
    ai_cost_cny,
    ai_conversations,
    online_accounts,
    sent_messages,
    received_messages,
    failed_messages,
    account_alerts,
    case when is_closed and not hides_patients then patients end as patients,
    case when is_closed and not hides_patients then health_alerts end as health_alerts,
    case when is_closed and not hides_patients then checkups end as checkups,
    case when not hides_active_patients then active_patients end as active_patients,
    -- a record without a patient active that day is one noted later: told of nobody knows how many
    case when not hides_active_patients and (active_patients > 0 or health_records = 0) then health_records end
        as health_records,
    placed_orders,
    cancelled_orders,
    revenue_cny,
    case when not hides_new_customers then new_customers end as new_customers,
    case when not hides_active_customers then active_customers end as active_customers,
    -- an event of fewer than five people is told of them as well
    case when not hides_active_customers then behavior_events end as behavior_events,
    (
        hides_users or hides_patients or hides_active_patients or hides_new_customers or hides_active_customers
        or (active_patients = 0 and health_records > 0)
    ) as has_small_cell
from flags
