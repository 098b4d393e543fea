with source as (

    select * from {{ rows_of(source('customer', 'customers')) }}

),

renamed as (

    select
        -- ids
        id as customer_id,
        tenant_id,
        wechat_id,
        wework_external_id,
        referrer_id,
        assigned_sales_id,
        assigned_service_id,

        -- text
        customer_code,
        customer_type,
        name as customer_name,
        nickname,
        avatar_url,
        gender,
        phone,
        email,
        qq,
        address,
        location,
        company_name,
        company_size,
        industry,
        position as job_title,
        company_address,
        source_channel,
        source_detail,
        utm_source,
        utm_medium,
        utm_campaign,
        status,
        lifecycle_stage,
        level as customer_level,
        communication_preferences,
        product_preferences,
        service_preferences,
        relationship_level,
        created_by,

        -- numbers
        {{ age_in_years('birth_date', as_of_date()) }} as age,
        vip_level,
        credit_score,
        total_orders,
        total_amount as total_amount_cny,
        avg_order_amount as avg_order_amount_cny,
        last_order_amount as last_order_amount_cny,
        total_visits,
        total_page_views,
        interaction_count,
        satisfaction_score,
        nps_score,

        -- dates and times
        birth_date,
        first_order_date,
        last_order_date,
        last_visit_date,
        last_interaction_date,
        first_contact_date as first_contact_at,
        last_contact_date as last_contact_at,
        created_at,
        updated_at
    from source

)

select * from renamed
