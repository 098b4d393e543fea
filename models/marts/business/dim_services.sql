-- One row per service, as it stands in the catalogue now; what it was when it was sold is in
-- fct_order_items. Bookings and revenue are the application's running totals: to be summed over services,
-- never over days, and not with fct_order_items. Ratings and prices must not be summed.
{{ config(primary_key=['service_id'], indexes=[['tenant_id', 'status'], ['category_id']]) }}

with services as (

    select
        service_id,
        tenant_id,
        category_id,
        default_provider_id,
        service_code,
        service_name,
        service_type,
        delivery_mode,
        pricing_model,
        status,
        base_price_cny,
        sale_price_cny,
        duration_minutes,
        max_concurrent_bookings,
        available_slots,
        booked_slots,
        min_capacity_threshold,
        advance_booking_hours,
        cancellation_hours,
        booking_count,
        completed_count,
        revenue_cny,
        avg_rating,
        review_count,
        is_appointment_required,
        is_reschedule_allowed,
        is_provider_auto_assigned,
        is_group_service,
        available_from_at,
        available_to_at,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_business__services') }}

),

categories as (

    select
        category_id,
        category_name,
        category_level
    from {{ ref('stg_business__categories') }}

),

variant_figures as (

    select
        service_id,
        count(*) as variants,
        {{ count_if("status = 'active'") }} as active_variants,
        min(case when status = 'active' then price_cny end) as min_variant_price_cny,
        max(case when status = 'active' then price_cny end) as max_variant_price_cny
    from {{ ref('stg_business__variants') }}
    group by service_id

)

select
    services.service_id,
    services.tenant_id,
    services.category_id,
    categories.category_name,
    categories.category_level,
    services.default_provider_id,
    services.service_code,
    services.service_name,
    services.service_type,
    services.delivery_mode,
    services.pricing_model,
    services.status,
    services.base_price_cny,
    services.sale_price_cny,
    coalesce(services.sale_price_cny, services.base_price_cny) as current_price_cny,
    coalesce(variant_figures.variants, 0) as variants,
    coalesce(variant_figures.active_variants, 0) as active_variants,
    variant_figures.min_variant_price_cny,
    variant_figures.max_variant_price_cny,
    services.duration_minutes,
    services.max_concurrent_bookings,
    services.available_slots,
    services.booked_slots,
    services.min_capacity_threshold,
    coalesce(
        services.min_capacity_threshold > 0 and services.available_slots <= services.min_capacity_threshold,
        false
    ) as is_low_on_capacity,
    services.advance_booking_hours,
    services.cancellation_hours,
    services.booking_count,
    services.completed_count,
    services.revenue_cny,
    -- the columns' default 0 is no mark
    case when services.review_count > 0 then services.avg_rating end as avg_rating,
    services.review_count,
    services.is_appointment_required,
    services.is_reschedule_allowed,
    services.is_provider_auto_assigned,
    services.is_group_service,
    services.available_from_at,
    services.available_to_at,
    services.created_by,
    services.created_at,
    services.updated_at
from services
left join categories
    on categories.category_id = services.category_id
left join variant_figures
    on variant_figures.service_id = services.service_id
