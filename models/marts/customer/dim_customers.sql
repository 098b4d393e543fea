-- One row per customer, as it is now, people masked. Totals are the row's own lifetime figures and may be
-- summed over customers; means, scores and levels must not.
{{ config(
    primary_key=['customer_id'],
    indexes=[['tenant_id', 'status'], ['phone_key'], ['email_key'], ['wework_contact_key']]
) }}

with customers as (

    select
        customer_id,
        tenant_id,
        customer_code,
        customer_type,
        customer_name,
        phone,
        email,
        wechat_id,
        wework_external_id,
        birth_date,
        address,
        company_name,
        company_size,
        company_address,
        industry,
        source_channel,
        source_detail,
        referrer_id,
        utm_source,
        utm_medium,
        utm_campaign,
        status,
        lifecycle_stage,
        customer_level,
        vip_level,
        credit_score,
        relationship_level,
        assigned_sales_id,
        assigned_service_id,
        total_orders,
        total_amount_cny,
        avg_order_amount_cny,
        last_order_amount_cny,
        first_order_date,
        last_order_date,
        total_visits,
        total_page_views,
        last_visit_date,
        interaction_count,
        last_interaction_date,
        satisfaction_score,
        nps_score,
        first_contact_at,
        last_contact_at,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_customer__customers') }}

),

stage_changes as (

    select
        customer_id,
        max(created_at) as stage_changed_at
    from {{ ref('stg_customer__lifecycle_history') }}
    where created_at <= {{ as_of() }}
    group by customer_id

),

contact_persons as (

    select
        customer_id,
        count(*) as contact_persons
    from {{ ref('stg_customer__contacts') }}
    where status = 'active'
    group by customer_id

),

carried_tags as (

    select
        customer_id,
        count(*) as carried_tags
    from {{ ref('stg_customer__tag_assignments') }}
    where status = 'active'
        and (expires_at is null or expires_at > {{ as_of() }})
    group by customer_id

),

joined_segments as (

    select
        customer_id,
        count(*) as joined_segments
    from {{ ref('stg_customer__segment_members') }}
    where status = 'active'
    group by customer_id

)

select
    customers.customer_id,
    customers.tenant_id,
    customers.customer_code,
    customers.customer_type,
    {{ mask_name('customers.customer_name') }} as customer_name_masked,
    {{ mask_phone('customers.phone') }} as phone_masked,
    {{ mask_hash('customers.phone') }} as phone_key,
    {{ mask_email('customers.email') }} as email_masked,
    {{ mask_hash('customers.email') }} as email_key,
    {{ mask_hash('customers.wechat_id') }} as wechat_key,
    {{ mask_hash('customers.wework_external_id') }} as wework_contact_key,
    {{ age_band('customers.birth_date', as_of_date()) }} as age_band,
    {{ generalise_address('customers.address') }} as province,
    {{ mask_hash('customers.company_name') }} as company_key,
    customers.company_size,
    {{ generalise_address('customers.company_address') }} as company_province,
    customers.industry,
    customers.source_channel,
    customers.source_detail,
    customers.referrer_id,
    customers.utm_source,
    customers.utm_medium,
    customers.utm_campaign,
    customers.status,
    customers.lifecycle_stage,
    stage_changes.stage_changed_at,
    customers.customer_level,
    customers.vip_level,
    -- the columns' default 0 is no measurement
    nullif(customers.credit_score, 0) as credit_score,
    customers.relationship_level,
    customers.assigned_sales_id,
    customers.assigned_service_id,
    customers.total_orders,
    customers.total_amount_cny,
    nullif(customers.avg_order_amount_cny, 0) as avg_order_amount_cny,
    nullif(customers.last_order_amount_cny, 0) as last_order_amount_cny,
    customers.first_order_date,
    customers.last_order_date,
    customers.total_visits,
    customers.total_page_views,
    customers.last_visit_date,
    customers.interaction_count,
    customers.last_interaction_date,
    nullif(customers.satisfaction_score, 0) as satisfaction_score,
    customers.nps_score,
    coalesce(contact_persons.contact_persons, 0) as contact_persons,
    coalesce(carried_tags.carried_tags, 0) as carried_tags,
    coalesce(joined_segments.joined_segments, 0) as joined_segments,
    customers.first_contact_at,
    customers.last_contact_at,
    customers.created_by,
    customers.created_at,
    customers.updated_at
from customers
left join stage_changes
    on stage_changes.customer_id = customers.customer_id
left join contact_persons
    on contact_persons.customer_id = customers.customer_id
left join carried_tags
    on carried_tags.customer_id = customers.customer_id
left join joined_segments
    on joined_segments.customer_id = customers.customer_id
